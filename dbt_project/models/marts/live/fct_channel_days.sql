{{
    config(
        materialized='incremental',
        unique_key=['platform', 'day'],
        pre_hook="{{ plan_hash_joins() }}",
        indexes=[
            {'columns': ['platform', 'channel_id', 'day'], 'unique': true},
            {'columns': ['day', 'platform']},
        ]
    )
}}

{%- call touched_keys() %}
{%- for name in ['int_live__stream_days', 'int_live__poll_days', 'int_live__follower_days'] %}
    select platform, day from {{ changes_of(name) }} as changed
    union all
{%- endfor %}
    select platform, cast(started_at as date) from {{ changes_of('fct_stream_sessions') }} as changed
{%- endcall %}

{%- set summed = ['viewer_seconds', 'viewer_seconds_below', 'viewer_seconds_above', 'airtime_seconds', 'hidden_seconds',
    'imputed_seconds', 'snapshot_count'] %}
{%- set touched_since = earliest('select min(day) from ' ~ touched()) %}

with

stream_days as (

    select stream_days.* from {{ ref('int_live__stream_days') }} as stream_days
    where {{ is_touched('stream_days') }} and stream_days.day >= {{ touched_since }}

),

follower_days as (

    select * from {{ ref('int_live__follower_days') }}
    where day >= {{ touched_since }}

),

sessions_begun as (

    select
        platform,
        channel_id,
        cast(started_at as date) as day,
        count(*) as session_count
    from {{ ref('fct_stream_sessions') }}
    where started_at >= {{ touched_since }}
    group by platform, channel_id, cast(started_at as date)

),

by_category as (

    select
        platform,
        channel_id,
        day,
        category_id,
        language,
        {%- for column in summed %}
        sum({{ column }}) as {{ column }},
        {%- endfor %}
        sum(viewer_seconds_variance) as viewer_seconds_variance,
        sum(is_first_day) as stream_count,
        max(peak_viewers) as peak_viewers
    from stream_days
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
        {%- for column in summed + ['stream_count'] %}
        cast(sum({{ column }}) as bigint) as {{ column }},
        {%- endfor %}
        sum(viewer_seconds_variance) as viewer_seconds_variance,
        max(peak_viewers) as peak_viewers
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
        follower_days.follower_gain
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
    left join {{ ref('int_live__poll_days') }} as poll_days
        on channel_days.platform = poll_days.platform and channel_days.day = poll_days.day

)

select * from final
