{{
    config(
        materialized='incremental',
        unique_key=['platform', 'day'],
        pre_hook="{{ plan_hash_joins() }}",
        indexes=[
            {'columns': ['platform', 'category_id', 'day'], 'unique': true},
            {'columns': ['day', 'platform']},
            {'columns': ['loaded_at']},
        ]
    )
}}

{%- set new_since = earliest_unseen(ref('int_live__stream_days'), 'day') %}
{%- set touched_since = 'least(' ~ open_days(ref('int_live__slots_polled')) ~ ', cast(' ~ new_since ~ ' as date))' %}

with

new_stream_days as (

    select * from {{ ref('int_live__stream_days') }}
    where {{ unseen() }}

),

stream_days as (

    select * from {{ ref('int_live__stream_days') }}
    where day >= {{ touched_since }}

),

category_slots as (

    select * from {{ ref('int_live__category_slots') }}

),

poll_days as (

    select * from {{ ref('int_live__poll_days') }}

),

touched as (

    select
        platform,
        day
    from new_stream_days
    union
    select
        platform,
        day
    from poll_days
    where day >= {{ open_days(ref('int_live__slots_polled')) }}

),

peaks as (

    select
        category_slots.platform,
        category_slots.category_id,
        touched.day,
        max(category_slots.viewer_count) as peak_viewers,
        count(*) as polls_seen
    from category_slots
    inner join touched
        on category_slots.platform = touched.platform and cast(category_slots.slot_at as date) = touched.day
    where category_slots.slot_at >= {{ touched_since }}
    group by category_slots.platform, category_slots.category_id, touched.day

),

category_days as (

    select
        stream_days.platform,
        stream_days.category_id,
        stream_days.day,
        cast(sum(stream_days.viewer_seconds) as bigint) as viewer_seconds,
        cast(sum(stream_days.viewer_seconds_below) as bigint) as viewer_seconds_below,
        cast(sum(stream_days.viewer_seconds_above) as bigint) as viewer_seconds_above,
        sum(stream_days.viewer_seconds_variance) as viewer_seconds_variance,
        cast(sum(stream_days.airtime_seconds) as bigint) as airtime_seconds,
        cast(sum(stream_days.hidden_seconds) as bigint) as hidden_seconds,
        cast(sum(stream_days.imputed_seconds) as bigint) as imputed_seconds,
        count(distinct stream_days.channel_id) as channel_count,
        count(distinct stream_days.stream_id) as stream_count,
        max(stream_days.loaded_at) as loaded_at
    from stream_days
    inner join touched on stream_days.platform = touched.platform and stream_days.day = touched.day
    where stream_days.category_id <> ''
    group by stream_days.platform, stream_days.category_id, stream_days.day

),

final as (

    select
        category_days.platform,
        category_days.category_id,
        category_days.day,
        category_days.viewer_seconds,
        {{ viewing_bound('category_days', 'lower') }} as viewer_seconds_lower,
        {{ viewing_bound('category_days', 'upper') }} as viewer_seconds_upper,
        category_days.viewer_seconds / cast(3600 as double precision) as hours_watched,
        category_days.airtime_seconds,
        category_days.hidden_seconds,
        cast(category_days.viewer_seconds as double precision)
        / nullif(poll_days.covered_seconds, 0) as average_viewers,
        peaks.peak_viewers,
        category_days.channel_count,
        category_days.stream_count,
        coalesce(peaks.polls_seen, 0) as polls_seen,
        coalesce(poll_days.polls_made, 0) as polls_made,
        coalesce(poll_days.polls_expected, 0) as polls_expected,
        coalesce(poll_days.coverage_ratio, 0) as coverage_ratio,
        coalesce(
            cast(category_days.imputed_seconds as double precision) / nullif(category_days.airtime_seconds, 0), 0
        ) as imputed_ratio,
        greatest(category_days.loaded_at, poll_days.loaded_at) as loaded_at
    from category_days
    left join peaks
        on
            category_days.platform = peaks.platform
            and category_days.category_id = peaks.category_id
            and category_days.day = peaks.day
    left join poll_days on category_days.platform = poll_days.platform and category_days.day = poll_days.day

)

select * from final
