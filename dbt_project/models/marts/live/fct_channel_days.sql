{{
    config(
        materialized='incremental',
        unique_key=['platform', 'day'],
        pre_hook="{{ plan_hash_joins() }}",
        indexes=[
            {'columns': ['platform', 'channel_id', 'day'], 'unique': true},
            {'columns': ['day', 'platform']},
            {'columns': ['loaded_at']},
        ]
    )
}}

{%- set is_new = unseen() %}
{%- set touched_since = 'least(' ~ [
    open_days(ref('int_live__slots_polled')),
    'cast(' ~ earliest_unseen(ref('int_live__stream_days'), 'day') ~ ' as date)',
    'cast(' ~ earliest_unseen(ref('int_live__follower_days'), 'day') ~ ' as date)',
    'cast(' ~ earliest_unseen(ref('fct_stream_sessions'), 'started_at') ~ ' as date)',
] | join(', ') ~ ')' %}

with

new_stream_days as (

    select * from {{ ref('int_live__stream_days') }}
    where {{ is_new }}

),

new_follower_days as (

    select * from {{ ref('int_live__follower_days') }}
    where {{ is_new }}

),

new_sessions as (

    select * from {{ ref('fct_stream_sessions') }}
    where {{ is_new }}

),

stream_days as (

    select * from {{ ref('int_live__stream_days') }}
    where day >= {{ touched_since }}

),

sessions as (

    select * from {{ ref('fct_stream_sessions') }}
    where started_at >= {{ touched_since }}

),

follower_days as (

    select * from {{ ref('int_live__follower_days') }}
    where day >= {{ touched_since }}

),

poll_days as (

    select * from {{ ref('int_live__poll_days') }}

),

-- a late broadcast may take the start of a session away from a later day
session_periods as (

    select distinct
        platform,
        cast(started_at as date) as first_day,
        cast(last_started_at as date) as last_day
    from new_sessions

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
    from new_follower_days
    union
    select
        platform,
        day
    from poll_days
    where day >= {{ open_days(ref('int_live__slots_polled')) }}
    union
    select
        poll_days.platform,
        poll_days.day
    from poll_days
    inner join session_periods
        on
            poll_days.platform = session_periods.platform
            and poll_days.day between session_periods.first_day and session_periods.last_day

),

stream_parts as (

    select stream_days.*
    from stream_days
    inner join touched on stream_days.platform = touched.platform and stream_days.day = touched.day

),

sessions_begun as (

    select
        platform,
        channel_id,
        cast(started_at as date) as day,
        count(*) as session_count
    from sessions
    group by platform, channel_id, cast(started_at as date)

),

by_category as (

    select
        platform,
        channel_id,
        day,
        category_id,
        language,
        sum(viewer_seconds) as viewer_seconds,
        sum(viewer_seconds_below) as viewer_seconds_below,
        sum(viewer_seconds_above) as viewer_seconds_above,
        sum(viewer_seconds_variance) as viewer_seconds_variance,
        sum(airtime_seconds) as airtime_seconds,
        sum(hidden_seconds) as hidden_seconds,
        sum(imputed_seconds) as imputed_seconds,
        max(peak_viewers) as peak_viewers,
        sum(is_first_day) as stream_count,
        sum(snapshot_count) as snapshot_count,
        max(loaded_at) as loaded_at
    from stream_parts
    group by platform, channel_id, day, category_id, language

),

ranked as (

    select
        *,
        row_number() over (
            partition by platform, channel_id, day
            order by
                airtime_seconds desc, {{ binary_order('category_id') }} asc, {{ binary_order('language') }} asc
        ) as position
    from by_category

),

channel_days as (

    select
        platform,
        channel_id,
        day,
        nullif(max(case when position = 1 then category_id end), '') as main_category_id,
        nullif(max(case when position = 1 then language end), '') as language,
        count(distinct nullif(category_id, '')) as category_count,
        cast(sum(viewer_seconds) as bigint) as viewer_seconds,
        cast(sum(viewer_seconds_below) as bigint) as viewer_seconds_below,
        cast(sum(viewer_seconds_above) as bigint) as viewer_seconds_above,
        sum(viewer_seconds_variance) as viewer_seconds_variance,
        cast(sum(airtime_seconds) as bigint) as airtime_seconds,
        cast(sum(hidden_seconds) as bigint) as hidden_seconds,
        cast(sum(imputed_seconds) as bigint) as imputed_seconds,
        max(peak_viewers) as peak_viewers,
        cast(sum(stream_count) as bigint) as stream_count,
        cast(sum(snapshot_count) as bigint) as snapshot_count,
        max(loaded_at) as loaded_at
    from ranked
    group by platform, channel_id, day

),

final as (

    select
        channel_days.platform,
        channel_days.channel_id,
        channel_days.day,
        channel_days.main_category_id,
        channel_days.language,
        channel_days.viewer_seconds,
        {{ viewing_bound('channel_days', 'lower') }} as viewer_seconds_lower,
        {{ viewing_bound('channel_days', 'upper') }} as viewer_seconds_upper,
        channel_days.viewer_seconds / cast(3600 as double precision) as hours_watched,
        channel_days.airtime_seconds,
        channel_days.hidden_seconds,
        cast(channel_days.viewer_seconds as double precision)
        / nullif(channel_days.airtime_seconds, 0) as average_viewers,
        channel_days.peak_viewers,
        channel_days.stream_count,
        coalesce(sessions_begun.session_count, 0) as session_count,
        channel_days.category_count,
        channel_days.snapshot_count,
        coalesce(poll_days.polls_made, 0) as polls_made,
        coalesce(poll_days.polls_expected, 0) as polls_expected,
        coalesce(poll_days.coverage_ratio, 0) as coverage_ratio,
        coalesce(
            cast(channel_days.imputed_seconds as double precision) / nullif(channel_days.airtime_seconds, 0), 0
        ) as imputed_ratio,
        follower_days.follower_count,
        follower_days.follower_gain,
        greatest(channel_days.loaded_at, follower_days.loaded_at, poll_days.loaded_at) as loaded_at
    from channel_days
    left join sessions_begun
        on
            channel_days.platform = sessions_begun.platform
            and channel_days.channel_id = sessions_begun.channel_id
            and channel_days.day = sessions_begun.day
    left join follower_days
        on
            channel_days.platform = follower_days.platform
            and channel_days.channel_id = follower_days.channel_id
            and channel_days.day = follower_days.day
    left join poll_days on channel_days.platform = poll_days.platform and channel_days.day = poll_days.day

)

select * from final
