with

seasons as (

    select
        season_id,
        league_id,
        coalesce(is_finished, false) as is_finished,
        coalesce(
            cast({{ regexp_group('season_name', '^([0-9]{4})') }} as bigint),
            cast({{ regexp_group('cast(starts_on as ' ~ dbt.type_string() ~ ')', '^([0-9]{4})') }} as bigint)
        ) as start_year
    from {{ ref('stg_sportmonks__seasons') }}

),

policies as (

    select * from {{ ref('standings_policies') }}

),

final as (

    select
        seasons.season_id,
        seasons.league_id,
        seasons.start_year,
        coalesce(policies.ranking, 'goal_difference') as ranking,
        coalesce(policies.points_for_win, 3) as points_for_win,
        seasons.is_finished
    from seasons
    left join policies
        on
            seasons.league_id = policies.league_id
            and coalesce(seasons.start_year >= policies.first_season, true)
            and coalesce(seasons.start_year <= policies.last_season, true)

)

select * from final
