{{
    config(
        materialized='incremental',
        unique_key=['platform', 'stream_id'],
        meta={'changes': ['platform', 'stream_id', 'channel_id', 'started_at']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[
            {'columns': ['platform', 'stream_id'], 'unique': true},
            {'columns': ['platform', 'channel_id', 'started_at']},
            {'columns': ['last_slot_at']},
        ]
    )
}}

{%- call touched_keys() %}
{%- for name in ['int_live__stream_days', 'int_live__streams_spanned', 'fct_stream_snapshots'] %}
    select platform, stream_id from {{ changes_of(name) }} as changed
    {{ 'union all' if not loop.last }}
{%- endfor %}
{%- endcall %}

{%- set last_seen %}
    select min(spans.last_slot_at) from {{ ref('int_live__streams_spanned') }} as spans
    where {{ is_touched('spans') }}
{%- endset %}

with

days as (

    select days.* from {{ ref('int_live__stream_days') }} as days
    where {{ is_touched('days') }}

),

spans as (

    select spans.* from {{ ref('int_live__streams_spanned') }} as spans
    where {{ is_touched('spans') }}

),

snapshots as (

    select snapshots.* from {{ ref('fct_stream_snapshots') }} as snapshots
    where
        {{ is_touched('snapshots') }}
        and snapshots.slot_at >= {{ earliest(last_seen) }}

),

streams as (

    select
        days.platform,
        days.stream_id,
        cast(sum(days.snapshot_count) as bigint) as snapshot_count,
        cast(sum(days.category_change_count) as bigint) as category_change_count,
        max(days.peak_viewers) as peak_viewers,
        cast(sum(days.viewer_count_total) as double precision)
        / nullif(sum(days.counted_snapshots), 0) as snapshot_average_viewers,
        cast(sum(days.viewer_seconds) as bigint) as viewer_seconds,
        cast(sum(days.viewer_seconds_below) as bigint) as viewer_seconds_below,
        cast(sum(days.viewer_seconds_above) as bigint) as viewer_seconds_above,
        sum(days.viewer_seconds_variance) as viewer_seconds_variance,
        cast(sum(days.airtime_seconds) as bigint) as airtime_seconds,
        cast(sum(days.hidden_seconds) as bigint) as hidden_seconds,
        cast(sum(days.imputed_seconds) as bigint) as imputed_seconds,
        cast(greatest(sum(days.polls_expected), sum(days.snapshot_count)) as bigint) as polls_expected,
        min(days.started_at) as started_at,
        min(days.first_seen_at) as first_seen_at,
        max(days.last_seen_at) as last_seen_at
    from days
    group by days.platform, days.stream_id

),

final as (

    select
        streams.platform,
        streams.stream_id,
        snapshots.channel_id,
        snapshots.category_id as last_category_id,
        snapshots.category_name as last_category_name,
        snapshots.title as last_title,
        snapshots.language,
        snapshots.viewer_count as last_viewer_count,
        streams.snapshot_count,
        streams.category_change_count,
        streams.peak_viewers,
        streams.snapshot_average_viewers,
        streams.viewer_seconds,
        {{ viewing_bound('streams', 'lower') }} as viewer_seconds_lower,
        {{ viewing_bound('streams', 'upper') }} as viewer_seconds_upper,
        streams.airtime_seconds,
        streams.hidden_seconds,
        streams.imputed_seconds,
        cast(streams.viewer_seconds as double precision)
        / streams.airtime_seconds as average_viewers,
        streams.snapshot_count as polls_made,
        streams.polls_expected,
        least(
            1.0, cast(streams.snapshot_count * {{ slot_seconds() }} as double precision) / streams.airtime_seconds
        ) as coverage_ratio,
        cast(streams.imputed_seconds as double precision) / streams.airtime_seconds as imputed_ratio,
        spans.closed_slot_at is null as is_live,
        streams.started_at,
        streams.first_seen_at,
        streams.last_seen_at,
        case
            when spans.closed_slot_at is not null
                then streams.last_seen_at + {{ slot_seconds() // 2 }} * interval '1 second'
        end as ended_at,
        spans.closed_slot_at,
        spans.last_slot_at
    from streams
    inner join spans on streams.platform = spans.platform and streams.stream_id = spans.stream_id
    inner join snapshots
        on
            spans.platform = snapshots.platform
            and spans.stream_id = snapshots.stream_id
            and spans.last_slot_at = snapshots.slot_at

)

select * from final
