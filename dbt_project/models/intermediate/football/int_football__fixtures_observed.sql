{{
    config(
        materialized='incremental',
        unique_key=['fixture_id', 'observed_on'],
        meta={'changes': ['fixture_id']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id', 'observed_on'], 'unique': true}]
    )
}}

{%- call touched_keys() %}
    select fixture_id, observed_on from {{ ref('stg_sportmonks__fixtures') }} where {{ is_new() }}
    union all
    select fixture_id, observed_on from {{ ref('stg_sportmonks__scores') }} where {{ is_new() }}
{%- endcall %}

with

versions as (

    select versions.* from {{ ref('stg_sportmonks__fixtures') }} as versions
    where {{ is_touched('versions') }}

),

scores as (

    select scores.* from {{ ref('stg_sportmonks__scores') }} as scores
    where {{ is_touched('scores') }}

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
    from versions
    left join goals
        on
            versions.fixture_id = goals.fixture_id
            and versions.observed_on = goals.observed_on
            and versions.request_id = goals.request_id

)

select * from final
