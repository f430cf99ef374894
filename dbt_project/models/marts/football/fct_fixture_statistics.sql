{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        pre_hook=["{{ plan_full_build() }}", "{{ forget_touched() }}"],
        indexes=[
            {'columns': ['fixture_id', 'statistic_id'], 'unique': true},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

fixtures as (

    select * from {{ ref('fct_fixtures') }}
    where {{ unseen() }}

),

statistics as (

    select * from {{ ref('stg_sportmonks__statistics') }}

),

types as (

    select * from {{ ref('stg_sportmonks__types') }}

),

teams as (

    select * from {{ ref('int_football__teams_resolved') }}

),

final as (

    select
        statistics.fixture_id,
        statistics.statistic_id,
        fixtures.season_id,
        statistics.type_id,
        coalesce(teams.canonical_team_id, statistics.team_id) as team_id,
        types.type_name as statistic_name,
        statistics.side,
        statistics.value,
        fixtures.kickoff_at,
        statistics.fetched_at,
        fixtures.loaded_at
    from fixtures
    inner join statistics
        on fixtures.fixture_id = statistics.fixture_id and fixtures.request_id = statistics.request_id
    left join types on statistics.type_id = types.type_id
    left join teams on statistics.team_id = teams.team_id
    where not fixtures.is_deleted

)

select * from final
