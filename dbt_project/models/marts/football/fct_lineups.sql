{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id', 'lineup_id'], 'unique': true}]
    )
}}

{%- call touched_keys() %}
    select fixture_id from {{ ref('stg_sportmonks__lineups') }} where {{ is_new() }}
    union all
    select fixture_id from {{ changes_of('int_football__fixture_results') }} as changed
    union all
    select lineups.fixture_id
    from {{ ref('stg_sportmonks__lineups') }} as lineups
    inner join {{ changes_of('int_football__teams_aliased') }} as changed on lineups.team_id = changed.team_id
{%- endcall %}

with

results as (

    select results.* from {{ ref('int_football__fixture_results') }} as results
    where {{ is_touched('results') }} and not results.is_deleted

),

lineups as (

    select lineups.* from {{ ref('stg_sportmonks__lineups') }} as lineups
    where {{ is_touched('lineups') }}

),

teams as (

    select * from {{ ref('int_football__teams_aliased') }}

),

final as (

    select
        lineups.fixture_id,
        lineups.lineup_id,
        results.season_id,
        coalesce(teams.canonical_team_id, lineups.team_id) as team_id,
        lineups.player_id,
        lineups.position_id,
        lineups.player_name,
        lineups.formation_field,
        lineups.formation_position,
        lineups.jersey_number,
        lineups.type_id = 11 as is_starter,
        results.kickoff_at,
        lineups.fetched_at
    from results
    inner join lineups on results.fixture_id = lineups.fixture_id and results.request_id = lineups.request_id
    left join teams on lineups.team_id = teams.team_id

)

select * from final
