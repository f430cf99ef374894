{{
    config(
        materialized='incremental',
        unique_key=['platform', 'day'],
        pre_hook="{{ plan_hash_joins() }}",
        indexes=[
            {'columns': ['platform', 'category_id', 'day'], 'unique': true},
            {'columns': ['day', 'platform']},
        ]
    )
}}

{%- call touched_keys() %}
{%- for name in ['int_live__stream_days', 'int_live__poll_days'] %}
    select platform, day from {{ changes_of(name) }} as changed
    union all
{%- endfor %}
    select platform, cast(slot_at as date) from {{ changes_of('int_live__category_slots') }} as changed
{%- endcall %}

{%- set touched_since = earliest('select min(day) from ' ~ touched()) %}

with

stream_days as (

    select stream_days.* from {{ ref('int_live__stream_days') }} as stream_days
    where
        {{ is_touched('stream_days') }}
        and stream_days.day >= {{ touched_since }}
        and stream_days.category_id <> ''

),

category_slots as (

    select * from {{ ref('int_live__category_slots') }}
    where slot_at >= {{ touched_since }}

),

poll_days as (

    select * from {{ ref('int_live__poll_days') }}

),

peaks as (

    select
        platform,
        category_id,
        cast(slot_at as date) as day,
        max(viewer_count) as peak_viewers,
        count(*) as polls_seen
    from category_slots
    group by platform, category_id, cast(slot_at as date)

),

category_days as (

    select
        platform,
        category_id,
        day,
        cast(sum(viewer_seconds) as bigint) as viewer_seconds,
        cast(sum(viewer_seconds_below) as bigint) as viewer_seconds_below,
        cast(sum(viewer_seconds_above) as bigint) as viewer_seconds_above,
        sum(viewer_seconds_variance) as viewer_seconds_variance,
        cast(sum(airtime_seconds) as bigint) as airtime_seconds,
        cast(sum(hidden_seconds) as bigint) as hidden_seconds,
        cast(sum(imputed_seconds) as bigint) as imputed_seconds,
        count(distinct channel_id) as channel_count,
        count(distinct stream_id) as stream_count
    from stream_days
    group by platform, category_id, day

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
        ) as imputed_ratio
    from category_days
    left join peaks
        on
            category_days.platform = peaks.platform
            and category_days.category_id = peaks.category_id
            and category_days.day = peaks.day
    left join poll_days on category_days.platform = poll_days.platform and category_days.day = poll_days.day

)

select * from final
