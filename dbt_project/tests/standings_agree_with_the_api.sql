-- where all fixtures of a season are fetched, place and points are those of the API's own table
{{ config(severity='warn') }}

with

standings as (

    select * from {{ ref('fct_standings') }}
    where is_latest

),

listed as (

    select * from {{ ref('stg_sportmonks__standings') }}

),

teams as (

    select * from {{ ref('int_football__teams_resolved') }}

),

coverage as (

    select * from {{ ref('rpt_fixture_coverage') }}
    where fetched_fixtures = listed_fixtures

),

-- the API may keep a row a round; the latest one counts
latest as (

    select
        season_id,
        stage_id,
        group_id,
        team_id,
        max(fetched_at) as fetched_at
    from listed
    group by season_id, stage_id, group_id, team_id

)

select
    standings.table_id,
    standings.team_id,
    standings.position,
    listed.position as listed_position,
    standings.points,
    listed.points as listed_points
from listed
inner join latest
    on
        listed.season_id = latest.season_id
        and coalesce(listed.stage_id, 0) = coalesce(latest.stage_id, 0)
        and coalesce(listed.group_id, 0) = coalesce(latest.group_id, 0)
        and listed.team_id = latest.team_id
        and listed.fetched_at = latest.fetched_at
inner join coverage on listed.season_id = coverage.season_id
left join teams on listed.team_id = teams.team_id
inner join standings
    on
        listed.season_id = standings.season_id
        and coalesce(listed.stage_id, 0) = coalesce(standings.stage_id, 0)
        and coalesce(listed.group_id, 0) = coalesce(standings.group_id, 0)
        and coalesce(teams.canonical_team_id, listed.team_id) = standings.team_id
where standings.position <> listed.position or standings.points <> listed.points
