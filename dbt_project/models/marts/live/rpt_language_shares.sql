with

stream_days as (

    select * from {{ ref('int_live__stream_days') }}
    where language <> ''

),

poll_days as (

    select * from {{ ref('int_live__poll_days') }}

),

languages as (

    select
        platform,
        day,
        language,
        cast(sum(viewer_seconds) as bigint) as viewer_seconds,
        cast(sum(airtime_seconds) as bigint) as airtime_seconds,
        count(distinct channel_id) as channel_count
    from stream_days
    group by platform, day, language

),

final as (

    select
        languages.platform,
        languages.day,
        languages.language,
        row_number() over (
            partition by languages.platform, languages.day
            order by languages.viewer_seconds desc nulls last, {{ binary_order('languages.language') }} asc
        ) as language_rank,
        languages.viewer_seconds,
        languages.viewer_seconds / cast(3600 as double precision) as hours_watched,
        cast(languages.viewer_seconds as double precision)
        / nullif(sum(languages.viewer_seconds) over (partition by languages.platform, languages.day), 0)
            as viewing_share,
        languages.airtime_seconds,
        cast(languages.airtime_seconds as double precision)
        / nullif(sum(languages.airtime_seconds) over (partition by languages.platform, languages.day), 0)
            as airtime_share,
        languages.channel_count,
        coalesce(poll_days.coverage_ratio, 0) as coverage_ratio
    from languages
    left join poll_days on languages.platform = poll_days.platform and languages.day = poll_days.day

)

select * from final
