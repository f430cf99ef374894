{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        pre_hook=["{{ plan_full_build() }}", "{{ forget_touched() }}"],
        indexes=[
            {'columns': ['fixture_id', 'event_id'], 'unique': true},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

fixtures as (

    select * from {{ ref('fct_fixtures') }}
    where {{ unseen() }}

),

events as (

    select * from {{ ref('stg_sportmonks__events') }}

),

types as (

    select * from {{ ref('stg_sportmonks__types') }}

),

teams as (

    select * from {{ ref('int_football__teams_resolved') }}

),

final as (

    select
        events.fixture_id,
        events.event_id,
        fixtures.season_id,
        events.type_id,
        coalesce(teams.canonical_team_id, events.team_id) as team_id,
        events.player_id,
        events.related_player_id,
        types.type_name,
        events.player_name,
        events.related_player_name,
        events.score,
        events.info,
        events.addition,
        events.minute,
        events.extra_minute,
        events.sort_order,
        coalesce(events.is_rescinded, false) as is_rescinded,
        fixtures.kickoff_at,
        events.fetched_at,
        fixtures.loaded_at
    from fixtures
    inner join events on fixtures.fixture_id = events.fixture_id and fixtures.request_id = events.request_id
    left join types on events.type_id = types.type_id
    left join teams on events.team_id = teams.team_id
    where not fixtures.is_deleted

)

select * from final
