with

seasons as (

    select * from {{ ref('stg_sportmonks__seasons') }}

),

leagues as (

    select * from {{ ref('stg_sportmonks__leagues') }}

),

policies as (

    select * from {{ ref('int_football__season_policies') }}

),

final as (

    select
        seasons.season_id,
        seasons.league_id,
        leagues.country_id,
        seasons.season_name,
        leagues.league_name,
        policies.ranking,
        policies.start_year,
        policies.points_for_win,
        policies.is_finished,
        coalesce(seasons.is_pending, false) as is_pending,
        coalesce(seasons.is_current, false) as is_current,
        seasons.starts_on,
        seasons.ends_on,
        seasons.fetched_at
    from seasons
    inner join policies on seasons.season_id = policies.season_id
    left join leagues on seasons.league_id = leagues.league_id

)

select * from final
