with

snapshots as (

    select * from {{ ref('int_live__stream_snapshots_unioned') }}

),

clock as (

    select * from {{ ref('stg_ops__clock') }}

),

channels as (

    select
        platform,
        channel_id,
        max(slot_at) as last_slot_at,
        {{ latest_bigint('viewer_count', 'slot_at') }} as viewer_count
    from snapshots
    group by platform, channel_id

),

classed as (

    select
        channels.platform,
        channels.channel_id,
        case
            when {{ seconds_between('channels.last_slot_at', 'clock.now_at') }} < 86400 then 'live'
            when {{ seconds_between('channels.last_slot_at', 'clock.now_at') }} < 14 * 86400 then 'recent'
            else 'dormant'
        end as age_class,
        channels.viewer_count,
        channels.last_slot_at
    from channels
    left join clock on true

)

select * from classed
