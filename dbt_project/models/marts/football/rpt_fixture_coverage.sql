with

fixtures as (

    select * from {{ ref('fct_fixtures') }}
    where not is_deleted

),

counted as (

    select
        season_id,
        max(league_id) as league_id,
        count(*) as listed_fixtures,
        count(fetched_at) as fetched_fixtures,
        count(*) filter (where is_final) as finished_fixtures,
        {%- for child, name in {
            'scores': 'result is not null',
            'events': 'event_count > 0',
            'statistics': 'statistic_count > 0',
            'lineups': 'lineup_count > 0',
            'periods': 'period_count > 0',
        }.items() %}
        cast(count(*) filter (where is_final and {{ name }}) as double precision)
        / nullif(count(*) filter (where is_final), 0) as {{ child }}_ratio,
        {%- endfor %}
        cast(count(fetched_at) as double precision) / count(*) as fetched_ratio,
        max(fetched_at) as last_fetched_at
    from fixtures
    group by season_id

),

-- the weights add up to 100; while nothing is finished only what is fetched can be judged
final as (

    select
        season_id,
        league_id,
        listed_fixtures,
        fetched_fixtures,
        finished_fixtures,
        fetched_ratio,
        scores_ratio,
        events_ratio,
        statistics_ratio,
        lineups_ratio,
        periods_ratio,
        coalesce(
            40 * fetched_ratio
            + 25 * scores_ratio
            + 15 * events_ratio
            + 10 * lineups_ratio
            + 5 * statistics_ratio
            + 5 * periods_ratio,
            100 * fetched_ratio
        ) as quality_score,
        last_fetched_at
    from counted

)

select * from final
