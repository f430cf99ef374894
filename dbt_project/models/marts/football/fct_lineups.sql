{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        pre_hook=["{{ plan_full_build() }}", "{{ forget_touched() }}"],
        indexes=[
            {'columns': ['fixture_id', 'lineup_id'], 'unique': true},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

fixtures as (

    select * from {{ ref('fct_fixtures') }}
    where {{ unseen() }}

),

lineups as (

    select * from {{ ref('stg_sportmonks__lineups') }}

),

teams as (

    select * from {{ ref('int_football__teams_resolved') }}

),

final as (

    select
        lineups.fixture_id,
        lineups.lineup_id,
        fixtures.season_id,
        coalesce(teams.canonical_team_id, lineups.team_id) as team_id,
        lineups.player_id,
        lineups.position_id,
        lineups.player_name,
        lineups.formation_field,
        lineups.formation_position,
        lineups.jersey_number,
        lineups.type_id = 11 as is_starter,
        fixtures.kickoff_at,
        lineups.fetched_at,
        fixtures.loaded_at
    from fixtures
    inner join lineups on fixtures.fixture_id = lineups.fixture_id and fixtures.request_id = lineups.request_id
    left join teams on lineups.team_id = teams.team_id
    where not fixtures.is_deleted

)

select * from final
