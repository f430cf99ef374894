{{
    config(
        materialized='incremental',
        unique_key=['platform', 'day'],
        pre_hook="{{ plan_full_build() }}",
        indexes=[
            {'columns': ['platform', 'channel_id', 'day'], 'unique': true},
            {'columns': ['day', 'platform']},
            {'columns': ['loaded_at']},
        ]
    )
}}

{%- set is_new = unseen() %}

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

),

sessions as (

    select * from {{ ref('fct_stream_sessions') }}

),

follower_days as (

    select * from {{ ref('int_live__follower_days') }}

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

by_stream as (

    select
        platform,
        channel_id,
        day,
        stream_id,
        max(is_first_day) as is_first_day
    from stream_parts
    group by platform, channel_id, day, stream_id

),

begun as (

    select
        platform,
        channel_id,
        day,
        cast(sum(is_first_day) as bigint) as stream_count
    from by_stream
    group by platform, channel_id, day

),

sessions_begun as (

    select
        sessions.platform,
        sessions.channel_id,
        touched.day,
        count(*) as session_count
    from sessions
    inner join touched
        on sessions.platform = touched.platform and cast(sessions.started_at as date) = touched.day
    group by sessions.platform, sessions.channel_id, touched.day

),

by_category as (

    select
        platform,
        channel_id,
        day,
        category_id,
        language,
        sum(airtime_seconds) as airtime_seconds
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

categories as (

    select
        platform,
        channel_id,
        day,
        count(distinct nullif(category_id, '')) as category_count,
        nullif(max(case when position = 1 then category_id end), '') as main_category_id,
        nullif(max(case when position = 1 then language end), '') as language
    from ranked
    group by platform, channel_id, day

),

channel_days as (

    select
        platform,
        channel_id,
        day,
        cast(sum(viewer_seconds) as bigint) as viewer_seconds,
        cast(sum(viewer_seconds_below) as bigint) as viewer_seconds_below,
        cast(sum(viewer_seconds_above) as bigint) as viewer_seconds_above,
        sum(viewer_seconds_variance) as viewer_seconds_variance,
        cast(sum(airtime_seconds) as bigint) as airtime_seconds,
        cast(sum(hidden_seconds) as bigint) as hidden_seconds,
        cast(sum(imputed_seconds) as bigint) as imputed_seconds,
        max(peak_viewers) as peak_viewers,
        cast(sum(snapshot_count) as bigint) as snapshot_count,
        max(loaded_at) as loaded_at
    from stream_parts
    group by platform, channel_id, day

),

final as (

    select
        channel_days.platform,
        channel_days.channel_id,
        channel_days.day,
        categories.main_category_id,
        categories.language,
        channel_days.viewer_seconds,
        {{ viewing_bound('channel_days', 'lower') }} as viewer_seconds_lower,
        {{ viewing_bound('channel_days', 'upper') }} as viewer_seconds_upper,
        channel_days.viewer_seconds / cast(3600 as double precision) as hours_watched,
        channel_days.airtime_seconds,
        channel_days.hidden_seconds,
        cast(channel_days.viewer_seconds as double precision)
        / nullif(channel_days.airtime_seconds, 0) as average_viewers,
        channel_days.peak_viewers,
        begun.stream_count,
        coalesce(sessions_begun.session_count, 0) as session_count,
        categories.category_count,
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
    inner join begun
        on
            channel_days.platform = begun.platform
            and channel_days.channel_id = begun.channel_id
            and channel_days.day = begun.day
    inner join categories
        on
            channel_days.platform = categories.platform
            and channel_days.channel_id = categories.channel_id
            and channel_days.day = categories.day
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
