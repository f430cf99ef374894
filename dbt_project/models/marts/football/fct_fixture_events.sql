{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id', 'event_id'], 'unique': true}]
    )
}}

{%- call touched_keys() %}
    select fixture_id from {{ ref('stg_sportmonks__events') }} where {{ is_new() }}
    union all
    select fixture_id from {{ changes_of('int_football__fixture_results') }} as changed
    union all
    select events.fixture_id
    from {{ ref('stg_sportmonks__events') }} as events
    inner join {{ changes_of('int_football__teams_aliased') }} as changed on events.team_id = changed.team_id
    union all
    select held.fixture_id
    from {{ this }} as held
    inner join {{ changes_of('int_football__types_named') }} as changed on held.type_id = changed.type_id
{%- endcall %}

with

results as (

    select results.* from {{ ref('int_football__fixture_results') }} as results
    where {{ is_touched('results') }} and not results.is_deleted

),

events as (

    select events.* from {{ ref('stg_sportmonks__events') }} as events
    where {{ is_touched('events') }}

),

types as (

    select * from {{ ref('int_football__types_named') }}

),

teams as (

    select * from {{ ref('int_football__teams_aliased') }}

),

final as (

    select
        events.fixture_id,
        events.event_id,
        results.season_id,
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
        results.kickoff_at,
        events.fetched_at
    from results
    inner join events on results.fixture_id = events.fixture_id and results.request_id = events.request_id
    left join types on events.type_id = types.type_id
    left join teams on events.team_id = teams.team_id

)

select * from final
