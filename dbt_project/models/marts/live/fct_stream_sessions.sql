{{
    config(
        materialized='incremental',
        unique_key=['platform', 'channel_id'],
        meta={'recomputed_from': 'started_at', 'changes': ['platform', 'channel_id', 'started_at']},
        pre_hook="{{ plan_hash_joins() }}",
        indexes=[
            {'columns': ['platform', 'session_id'], 'unique': true},
            {'columns': ['platform', 'channel_id', 'started_at']},
            {'columns': ['started_at']},
        ]
    )
}}

{#-
    A channel is recomputed from the earliest session that what changed may have joined, or may join now. The sessions
    before it hold nothing that changed, were over a session's reach before any of that began, and so neither join it nor
    decide what joins it: where only they are further back than a session's reach, it is a session of its own either way.
-#}
{%- call touched_keys() %}
    select changed.platform, changed.channel_id, least(changed.started_at, min(sessions.started_at)) as started_at
    from (
        select platform, channel_id, min(started_at) as started_at
        from {{ changes_of('fct_streams') }} as told
        group by platform, channel_id
    ) as changed
    left join {{ this }} as sessions
        on
            changed.platform = sessions.platform
            and changed.channel_id = sessions.channel_id
            and greatest(sessions.last_seen_at, sessions.last_started_at)
            >= changed.started_at - {{ session_reach() + 1 }} * interval '1 second'
    group by changed.platform, changed.channel_id, changed.started_at
{%- endcall %}

with

streams as (

    select streams.* from {{ ref('fct_streams') }} as streams
    where {{ is_touched('streams') }}

),

-- what began after it was seen, by what was told later, ends no earlier than it begins
ordered as (

    select
        *,
        max(greatest(last_seen_at, started_at)) over (
            partition by platform, channel_id
            order by started_at asc, stream_id asc
            rows between unbounded preceding and 1 preceding
        ) as previous_seen_at
    from streams

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
        max(ended_at) as ended_at
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
        case when not is_live then ended_at end as ended_at
    from sessions

)

select * from final
