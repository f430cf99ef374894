with

leagues as (

    select * from {{ ref('stg_sportmonks__leagues') }}

),

seasons as (

    select * from {{ ref('stg_sportmonks__seasons') }}

),

counted as (

    select
        league_id,
        count(*) as season_count,
        max(season_id) filter (where is_current) as current_season_id
    from seasons
    group by league_id

),

final as (

    select
        leagues.league_id,
        leagues.country_id,
        counted.current_season_id,
        leagues.league_name,
        leagues.short_code,
        leagues.league_type,
        leagues.league_sub_type,
        leagues.image_path,
        leagues.importance,
        coalesce(counted.season_count, 0) as season_count,
        leagues.is_active,
        leagues.last_played_at,
        leagues.fetched_at
    from leagues
    left join counted on leagues.league_id = counted.league_id

)

select * from final
