{{
    config(
        materialized='incremental',
        unique_key=['platform', 'stream_id'],
        indexes=[
            {'columns': ['platform', 'stream_id'], 'unique': true},
            {'columns': ['platform', 'channel_id', 'started_at']},
            {'columns': ['last_slot_at']},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

new_snapshots as (

    select * from {{ ref('fct_stream_snapshots') }}
    where {{ unseen() }}

),

snapshots as (

    select * from {{ ref('fct_stream_snapshots') }}

),

slots as (

    select * from {{ ref('int_live__slots_polled') }}

),

-- absence from a poll that broke off is not absence
complete_slots as (

    select
        platform,
        max(slot_at) as slot_at
    from slots
    where is_complete
    group by platform

),

touched as (

    select
        platform,
        stream_id
    from new_snapshots
    group by platform, stream_id
    {%- if is_incremental() %}
    union
    -- a later poll ends a stream without a row of its own
    select
        seen.platform,
        seen.stream_id
    from {{ this }} as seen
    left join complete_slots on seen.platform = complete_slots.platform
    where seen.is_live or seen.last_slot_at >= complete_slots.slot_at
    {%- endif %}

),

ordered as (

    select
        snapshots.*,
        row_number() over (stream_slots) as slot_number,
        row_number() over (
            partition by snapshots.platform, snapshots.stream_id order by snapshots.slot_at desc
        ) as recency,
        lag(snapshots.category_id) over (stream_slots) as previous_category_id,
        lag(snapshots.viewer_count) over (stream_slots) as previous_viewer_count,
        lag(snapshots.fetched_at) over (stream_slots) as previous_fetched_at
    from snapshots
    inner join touched on snapshots.platform = touched.platform and snapshots.stream_id = touched.stream_id
    window stream_slots as (partition by snapshots.platform, snapshots.stream_id order by snapshots.slot_at)

),

-- viewer-seconds, doubled to stay whole: from the snapshot before (the first: from the start), and half a slot of tail
measured as (

    select
        *,
        case
            when slot_number = 1
                then 2 * viewer_count * greatest(0, {{ seconds_between('started_at', 'fetched_at') }})
            else
                (previous_viewer_count + viewer_count)
                * greatest(0, {{ seconds_between('previous_fetched_at', 'fetched_at') }})
        end as doubled_viewer_seconds,
        case when recency = 1 then viewer_count * {{ slot_seconds() }} end as doubled_tail_viewer_seconds,
        case
            when slot_number > 1 and (category_id is distinct from previous_category_id) then 1
            else 0
        end as category_change
    from ordered

),

streams as (

    select
        platform,
        stream_id,
        max(case when recency = 1 then channel_id end) as channel_id,
        max(case when recency = 1 then category_id end) as last_category_id,
        max(case when recency = 1 then category_name end) as last_category_name,
        max(case when recency = 1 then title end) as last_title,
        max(case when recency = 1 then language end) as language,
        max(case when recency = 1 then viewer_count end) as last_viewer_count,
        count(*) as snapshot_count,
        cast(sum(category_change) as bigint) as category_change_count,
        max(viewer_count) as peak_viewers,
        cast(sum(viewer_count) as double precision) / nullif(count(viewer_count), 0) as snapshot_average_viewers,
        cast(
            floor((sum(doubled_viewer_seconds) + coalesce(sum(doubled_tail_viewer_seconds), 0)) / 2.0) as bigint
        ) as viewer_seconds,
        greatest(0, {{ seconds_between('min(started_at)', 'max(fetched_at)') }})
        + {{ slot_seconds() // 2 }} as airtime_seconds,
        min(started_at) as started_at,
        min(fetched_at) as first_seen_at,
        max(fetched_at) as last_seen_at,
        max(slot_at) as last_slot_at,
        max(loaded_at) as loaded_at
    from measured
    group by platform, stream_id

),

final as (

    select
        streams.platform,
        streams.stream_id,
        streams.channel_id,
        streams.last_category_id,
        streams.last_category_name,
        streams.last_title,
        streams.language,
        streams.last_viewer_count,
        streams.snapshot_count,
        streams.category_change_count,
        streams.peak_viewers,
        streams.snapshot_average_viewers,
        streams.viewer_seconds,
        streams.airtime_seconds,
        cast(streams.viewer_seconds as double precision) / streams.airtime_seconds as average_viewers,
        least(
            1.0, cast(streams.snapshot_count * {{ slot_seconds() }} as double precision) / streams.airtime_seconds
        ) as coverage_ratio,
        coalesce(streams.last_slot_at >= complete_slots.slot_at, false) as is_live,
        streams.started_at,
        streams.first_seen_at,
        streams.last_seen_at,
        streams.last_slot_at,
        streams.loaded_at
    from streams
    left join complete_slots on streams.platform = complete_slots.platform

)

select * from final
