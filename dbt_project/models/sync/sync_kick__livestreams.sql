with

slots as (

    select * from {{ ref('int_live__slots_polled') }}
    where platform = 'kick'

),

clock as (

    select * from {{ ref('stg_ops__clock') }}

),

snapshots as (

    select * from {{ ref('stg_kick__livestreams') }}

),

-- what earlier runs polled: from the last slot whose polls were all complete, or the last one at all
window_of_slots as (

    select
        coalesce(max(case when slots.is_complete then slots.slot_at end), max(slots.slot_at)) as first_slot_at,
        max(slots.slot_at) as last_slot_at
    from slots
    inner join clock on slots.started_at < clock.now_at

),

live_channels as (

    select
        snapshots.channel_id,
        max(snapshots.slot_at) as last_slot_at,
        {{ latest_bigint('snapshots.viewer_count', 'snapshots.slot_at') }} as viewer_count
    from snapshots
    inner join window_of_slots on snapshots.slot_at >= window_of_slots.first_slot_at
    group by snapshots.channel_id

),

-- a channel that this run's own poll has seen need not be asked for again
units as (

    select
        live_channels.channel_id as unit_id,
        'live' as age_class,
        live_channels.viewer_count as weight
    from live_channels
    inner join window_of_slots on live_channels.last_slot_at <= window_of_slots.last_slot_at

),

planned as (

    {{ sync_plan('kick', 'livestreams') }}

)

select * from planned
