with

compared as (

    select * from {{ ref('int_football__points_compared') }}

),

fixtures as (

    select * from {{ ref('stg_sportmonks__fixture_index') }}

),

seasons as (

    select * from {{ ref('stg_sportmonks__seasons') }}

),

sync_log as (

    select * from {{ ref('int_ops__sync_log_aged') }}
    where source = 'sportmonks' and resource = 'fixtures'

),

clock as (

    select * from {{ ref('stg_ops__clock') }}

),

-- a match that ended about when the API's table was read, or after it, would be a difference too
seasons_compared as (

    select
        season_id,
        count(listed_points) as listed_count,
        count(
            case when difference <> 0 and {{ seconds_between('last_kickoff_at', 'listed_at') }} > 3 * 3600 then 1 end
        ) as differing_count
    from compared
    group by season_id

),

-- and so would one that has yet to be fetched, or fetched again since it ended
incomplete as (

    select distinct fixtures.season_id
    from fixtures
    cross join clock
    left join sync_log on sync_log.unit_id = cast(fixtures.fixture_id as {{ dbt.type_string() }})
    where
        fixtures.kickoff_at <= clock.now_at
        and (
            sync_log.last_success_at is null
            or (
                {{ seconds_between('fixtures.kickoff_at', 'clock.now_at') }} >= 2 * 3600
                and {{ seconds_between('fixtures.kickoff_at', 'sync_log.last_success_at') }} < 2 * 3600
            )
        )

),

-- the API has corrections by season only, so they are asked for where its own table does not follow from the matches
units as (

    select
        cast(seasons_compared.season_id as {{ dbt.type_string() }}) as unit_id,
        case
            when seasons_compared.listed_count = 0 then 'no_table'
            when incomplete.season_id is not null or seasons_compared.differing_count = 0 then 'alike'
            when seasons.is_finished then 'differs_still'
            else 'differs'
        end as age_class,
        seasons_compared.differing_count as weight,
        seasons.league_id,
        seasons_compared.season_id
    from seasons_compared
    inner join seasons on seasons_compared.season_id = seasons.season_id
    left join incomplete on seasons_compared.season_id = incomplete.season_id

),

planned as (

    {{ sync_plan('sportmonks', 'corrections', columns=['league_id', 'season_id']) }}

)

select * from planned
