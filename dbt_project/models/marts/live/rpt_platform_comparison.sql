with

stream_days as (

    select * from {{ ref('int_live__stream_days') }}

),

category_slots as (

    select * from {{ ref('int_live__category_slots') }}

),

poll_days as (

    select * from {{ ref('int_live__poll_days') }}

),

languages as (

    select * from {{ ref('rpt_language_shares') }}
    where language_rank = 1

),

slot_totals as (

    select
        platform,
        slot_at,
        sum(viewer_count) as viewer_count
    from category_slots
    group by platform, slot_at

),

peaks as (

    select
        platform,
        cast(slot_at as date) as day,
        cast(max(viewer_count) as bigint) as peak_viewers
    from slot_totals
    group by platform, cast(slot_at as date)

),

days as (

    select
        platform,
        day,
        cast(sum(viewer_seconds) as bigint) as viewer_seconds,
        cast(sum(viewer_seconds_below) as bigint) as viewer_seconds_below,
        cast(sum(viewer_seconds_above) as bigint) as viewer_seconds_above,
        sum(viewer_seconds_variance) as viewer_seconds_variance,
        cast(sum(airtime_seconds) as bigint) as airtime_seconds,
        cast(sum(hidden_seconds) as bigint) as hidden_seconds,
        cast(sum(imputed_seconds) as bigint) as imputed_seconds,
        count(distinct channel_id) as channel_count,
        count(distinct stream_id) as stream_count,
        count(distinct nullif(language, '')) as language_count
    from stream_days
    group by platform, day

),

final as (

    select
        days.platform,
        days.day,
        days.viewer_seconds,
        {{ viewing_bound('days', 'lower') }} as viewer_seconds_lower,
        {{ viewing_bound('days', 'upper') }} as viewer_seconds_upper,
        days.viewer_seconds / cast(3600 as double precision) as hours_watched,
        cast(days.viewer_seconds as double precision)
        / nullif(sum(days.viewer_seconds) over (partition by days.day), 0) as viewing_share,
        days.airtime_seconds,
        days.hidden_seconds,
        days.channel_count,
        days.stream_count,
        cast(days.viewer_seconds as double precision) / nullif(poll_days.covered_seconds, 0) as average_viewers,
        peaks.peak_viewers,
        days.language_count,
        languages.language as top_language,
        languages.viewing_share as top_language_share,
        coalesce(poll_days.polls_made, 0) as polls_made,
        coalesce(poll_days.polls_expected, 0) as polls_expected,
        coalesce(poll_days.coverage_ratio, 0) as coverage_ratio,
        coalesce(
            cast(days.imputed_seconds as double precision) / nullif(days.airtime_seconds, 0), 0
        ) as imputed_ratio
    from days
    left join peaks on days.platform = peaks.platform and days.day = peaks.day
    left join poll_days on days.platform = poll_days.platform and days.day = poll_days.day
    left join languages on days.platform = languages.platform and days.day = languages.day

)

select * from final
