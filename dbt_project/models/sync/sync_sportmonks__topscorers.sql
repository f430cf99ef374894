with

seasons as (

    select * from {{ ref('stg_sportmonks__seasons') }}

),

clock as (

    select * from {{ ref('stg_ops__clock') }}

),

-- goals are counted from events; the API's own table is fetched while a season lasts, to compare
units as (

    select
        cast(seasons.season_id as {{ dbt.type_string() }}) as unit_id,
        case
            when seasons.is_pending then 'to_come'
            when seasons.is_current or not coalesce(seasons.is_finished, false) then 'current'
            when {{ seconds_between('cast(seasons.ends_on as timestamp)', 'clock.now_at') }} < 30 * 86400
                then 'just_over'
            else 'over'
        end as age_class,
        0 as weight,
        seasons.league_id,
        seasons.season_id
    from seasons
    cross join clock

),

planned as (

    {{ sync_plan('sportmonks', 'topscorers', columns=['league_id', 'season_id']) }}

)

select * from planned
