{{
    config(
        materialized='incremental',
        unique_key=['platform', 'session_id'],
        pre_hook=["{{ plan_hash_joins() }}", "{{ forget_sessions() }}"],
        indexes=[
            {'columns': ['platform', 'session_id'], 'unique': true},
            {'columns': ['platform', 'channel_id', 'started_at']},
            {'columns': ['started_at']},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

new_streams as (

    select * from {{ ref('fct_streams') }}
    where {{ unseen() }}

),

streams as (

    select * from {{ ref('fct_streams') }}

),

touched as (

    select distinct
        platform,
        channel_id
    from new_streams

),

{%- if is_incremental() %}

kept as (

    select
        sessions.platform,
        sessions.channel_id,
        max(sessions.last_started_at) as last_started_at
    from {{ this }} as sessions
    inner join touched on sessions.platform = touched.platform and sessions.channel_id = touched.channel_id
    group by sessions.platform, sessions.channel_id

),

{%- endif %}

ordered as (

    select
        streams.*,
        max(streams.last_seen_at) over (
            partition by streams.platform, streams.channel_id
            order by streams.started_at asc, streams.stream_id asc
            rows between unbounded preceding and 1 preceding
        ) as previous_seen_at
    from streams
    inner join touched on streams.platform = touched.platform and streams.channel_id = touched.channel_id
    {%- if is_incremental() %}
        left join kept on streams.platform = kept.platform and streams.channel_id = kept.channel_id
    where kept.last_started_at is null or streams.started_at > kept.last_started_at
    {%- endif %}

),

marked as (

    select
        *,
        case
            when {{ seconds_between('previous_seen_at', 'started_at') }} <= {{ session_reach() }} then 0
            else 1
        end as is_session_start
    from ordered

),

numbered as (

    select
        *,
        sum(is_session_start) over (
            partition by platform, channel_id
            order by started_at asc, stream_id asc
            rows between unbounded preceding and current row
        ) as session_number,
        case
            when is_session_start = 0
                then greatest(0, {{ seconds_between('previous_seen_at', 'started_at') }} - {{ slot_seconds() // 2 }})
            else 0
        end as gap_seconds
    from marked

),

sessions as (

    select
        platform,
        channel_id,
        max(case when is_session_start = 1 then stream_id end) as session_id,
        count(*) as stream_count,
        cast(sum(gap_seconds) as bigint) as gap_seconds,
        cast(sum(snapshot_count) as bigint) as snapshot_count,
        max(peak_viewers) as peak_viewers,
        cast(sum(viewer_seconds) as bigint) as viewer_seconds,
        cast(sum(viewer_seconds_lower) as bigint) as viewer_seconds_lower,
        cast(sum(viewer_seconds_upper) as bigint) as viewer_seconds_upper,
        cast(sum(airtime_seconds) as bigint) as airtime_seconds,
        cast(sum(hidden_seconds) as bigint) as hidden_seconds,
        cast(sum(polls_made) as bigint) as polls_made,
        cast(sum(polls_expected) as bigint) as polls_expected,
        cast(sum(imputed_seconds) as bigint) as imputed_seconds,
        bool_or(is_live) as is_live,
        min(started_at) as started_at,
        max(started_at) as last_started_at,
        max(last_seen_at) as last_seen_at,
        max(ended_at) as ended_at,
        max(loaded_at) as loaded_at
    from numbered
    group by platform, channel_id, session_number

),

final as (

    select
        platform,
        session_id,
        channel_id,
        stream_count,
        gap_seconds,
        snapshot_count,
        peak_viewers,
        viewer_seconds,
        viewer_seconds_lower,
        viewer_seconds_upper,
        viewer_seconds / cast(3600 as double precision) as hours_watched,
        airtime_seconds,
        hidden_seconds,
        cast(viewer_seconds as double precision) / airtime_seconds as average_viewers,
        polls_made,
        polls_expected,
        cast(polls_made as double precision) / polls_expected as coverage_ratio,
        cast(imputed_seconds as double precision) / airtime_seconds as imputed_ratio,
        is_live,
        started_at,
        last_started_at,
        last_seen_at,
        case when not is_live then ended_at end as ended_at,
        loaded_at
    from sessions

)

select * from final
