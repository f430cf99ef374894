{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id'], 'unique': true}, {'columns': ['season_id']}]
    )
}}

{%- call touched_keys() %}
{%- for lookup, key in [('stages', 'stage_id'), ('rounds', 'round_id'), ('states', 'state_id')] %}
    select held.fixture_id
    from {{ this }} as held
    inner join {{ changes_of('int_football__' ~ lookup ~ '_named') }} as changed on held.{{ key }} = changed.{{ key }}
    union all
{%- endfor %}
{%- for model in ['results', 'bases', 'answers', 'parts'] %}
    select fixture_id from {{ changes_of('int_football__fixture_' ~ model) }} as changed
    {{ 'union all' if not loop.last }}
{%- endfor %}
{%- endcall %}

with

results as (

    select results.* from {{ ref('int_football__fixture_results') }} as results
    where {{ is_touched('results') }}

),

bases as (

    select bases.* from {{ ref('int_football__fixture_bases') }} as bases
    where {{ is_touched('bases') }}

),

answers as (

    select answers.* from {{ ref('int_football__fixture_answers') }} as answers
    where {{ is_touched('answers') }}

),

parts as (

    select parts.* from {{ ref('int_football__fixture_parts') }} as parts
    where {{ is_touched('parts') }}

),

stages as (

    select * from {{ ref('int_football__stages_named') }}

),

rounds as (

    select * from {{ ref('int_football__rounds_named') }}

),

states as (

    select * from {{ ref('int_football__states_named') }}

),

final as (

    select
        results.fixture_id,
        results.league_id,
        results.season_id,
        results.stage_id,
        results.group_id,
        bases.aggregate_id,
        bases.round_id,
        bases.venue_id,
        bases.state_id,
        results.home_team_id,
        results.away_team_id,
        results.winner_team_id,
        results.request_id,
        bases.fixture_name,
        stages.stage_name,
        rounds.round_name,
        states.state,
        bases.result_info,
        bases.leg,
        answers.base_hash,
        results.result,
        answers.first_score,
        results.latest_score,
        {%- for kind in ['goals', 'half_time_goals', 'extra_time_goals', 'penalty_goals'] %}
        results.home_{{ kind }},
        results.away_{{ kind }},
        {%- endfor %}
        coalesce(answers.score_versions, 0) as score_versions,
        {%- for part in ['event', 'statistic', 'lineup', 'period'] %}
        coalesce(parts.{{ part }}_count, 0) as {{ part }}_count,
        {%- endfor %}
        results.is_final,
        results.is_decided_off_pitch,
        results.is_dead,
        results.is_table_stage,
        results.is_in_table,
        bases.is_placeholder,
        results.is_deleted,
        results.kickoff_at,
        results.deleted_at,
        answers.fetched_at
    from results
    inner join bases on results.fixture_id = bases.fixture_id
    left join answers on results.fixture_id = answers.fixture_id
    left join parts on results.fixture_id = parts.fixture_id
    left join stages on bases.stage_id = stages.stage_id
    left join rounds on bases.round_id = rounds.round_id
    left join states on bases.state_id = states.state_id

)

select * from final
