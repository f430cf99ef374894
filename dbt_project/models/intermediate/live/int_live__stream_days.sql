{{
    config(
        materialized='incremental',
        unique_key=['platform', 'stream_id', 'day'],
        meta={'changes': ['platform', 'stream_id', 'channel_id', 'day']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[
            {'columns': ['platform', 'stream_id', 'day', 'category_id', 'language'], 'unique': true},
            {'columns': ['day', 'platform']},
        ]
    )
}}

{#- the days that changed stretches are on, as they were and as they are -#}
{%- call touched_keys() %}
    select platform, stream_id, {{ days_from('cast(begins_at as date)', 'ends_at') }} as day
    from {{ changes_of('int_live__stream_stretches') }} as changed
{%- endcall %}

with

intervals as (

    select intervals.* from {{ ref('int_live__stream_intervals') }} as intervals
    where
        {{ is_touched('intervals') }}
        and intervals.ends_at >= {{ earliest('select min(day) from ' ~ touched()) }}

),

described as (

    select
        *,
        kind <> 'head' and piece_number = 1 as is_snapshot,
        cast(viewer_seconds_doubtful as numeric(19, 0)) as doubtful
    from intervals

),

final as (

    select
        platform,
        stream_id,
        day,
        -- a key holds no null
        coalesce(category_id, '') as category_id,
        coalesce(language, '') as language,
        max(channel_id) as channel_id,
        cast(sum(seconds) as bigint) as airtime_seconds,
        cast(sum(case when viewer_seconds is null then seconds else 0 end) as bigint) as hidden_seconds,
        cast(sum(case when is_imputed then seconds else 0 end) as bigint) as imputed_seconds,
        cast(sum(viewer_seconds) as bigint) as viewer_seconds,
        cast(coalesce(sum(viewer_seconds_below), 0) as bigint) as viewer_seconds_below,
        cast(coalesce(sum(viewer_seconds_above), 0) as bigint) as viewer_seconds_above,
        cast(coalesce(sum(doubtful * doubtful), 0) as numeric(38, 0)) as viewer_seconds_variance,
        max(case when kind = 'head' and piece_number = 1 then 1 else 0 end) as is_first_day,
        sum(case when is_snapshot then 1 else 0 end) as snapshot_count,
        count(case when is_snapshot then viewer_count end) as counted_snapshots,
        cast(sum(case when is_snapshot then viewer_count end) as bigint) as viewer_count_total,
        max(case when is_snapshot then viewer_count end) as peak_viewers,
        cast(sum(case when is_snapshot then category_changes else 0 end) as bigint) as category_change_count,
        cast(
            sum(case when kind <> 'tail' then {{ slot_number('end_at') }} - {{ slot_number('start_at') }} else 0 end)
            as bigint
        ) as polls_expected,
        min(started_at) as started_at,
        min(case when is_snapshot then fetched_at end) as first_seen_at,
        max(case when is_snapshot then fetched_at end) as last_seen_at
    from described
    group by platform, stream_id, day, coalesce(category_id, ''), coalesce(language, '')

)

select * from final
