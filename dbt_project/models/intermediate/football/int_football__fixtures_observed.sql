{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        on_schema_change='append_new_columns',
        unique_key=['fixture_id', 'observed_on'],
        pre_hook="{{ plan_full_build() }}",
        indexes=[
            {'columns': ['fixture_id', 'observed_on'], 'unique': true},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

new_versions as (

    select * from {{ ref('stg_sportmonks__fixtures') }}
    where {{ unseen() }}

),

scores as (

    select * from {{ ref('stg_sportmonks__scores') }}

),

goals as (

    {%- set kinds = {
        'goals': "('CURRENT')",
        'half_time_goals': "('1ST_HALF')",
        'extra_time_goals': "('ET', 'EXTRA_TIME')",
        'penalty_goals': "('PENALTIES', 'PENALTY_SHOOTOUT')",
    } %}

    select
        {%- for kind, names in kinds.items() %}
        max(scores.goals) filter (where scores.side = 'home' and scores.description in {{ names }}) as home_{{ kind }},
        max(scores.goals) filter (where scores.side = 'away' and scores.description in {{ names }}) as away_{{ kind }},
        {%- endfor %}
        scores.fixture_id,
        scores.observed_on,
        scores.request_id
    from scores
    inner join new_versions
        on scores.fixture_id = new_versions.fixture_id and scores.observed_on = new_versions.observed_on
    group by scores.fixture_id, scores.observed_on, scores.request_id

),

final as (

    select
        versions.fixture_id,
        versions.league_id,
        versions.season_id,
        versions.stage_id,
        versions.group_id,
        versions.aggregate_id,
        versions.round_id,
        versions.state_id,
        versions.venue_id,
        versions.request_id,
        versions.fixture_name,
        versions.result_info,
        versions.leg,
        versions.base_hash,
        goals.home_goals,
        goals.away_goals,
        goals.home_half_time_goals,
        goals.away_half_time_goals,
        goals.home_extra_time_goals,
        goals.away_extra_time_goals,
        goals.home_penalty_goals,
        goals.away_penalty_goals,
        coalesce(versions.is_placeholder, false) as is_placeholder,
        {{ in_states('versions.state_id', 'final') }}
        or {{ in_states('versions.state_id', 'decided') }} as is_settled,
        versions.observed_on,
        versions.kickoff_at,
        versions.fetched_at,
        versions.loaded_at
    from new_versions as versions
    left join goals
        on
            versions.fixture_id = goals.fixture_id
            and versions.observed_on = goals.observed_on
            and versions.request_id = goals.request_id

)

select * from final
