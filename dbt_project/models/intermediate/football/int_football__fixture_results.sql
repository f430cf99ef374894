{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        meta={'changes': ['fixture_id']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id'], 'unique': true}]
    )
}}

{%- set goals = ['goals', 'half_time_goals', 'extra_time_goals', 'penalty_goals'] -%}

{%- call touched_keys() %}
{%- for model in ['fixture_bases', 'fixture_answers', 'fixture_parts', 'fixtures_tombstoned'] %}
    select fixture_id from {{ changes_of('int_football__' ~ model) }} as changed
    union all
{%- endfor %}
    select held.fixture_id
    from {{ this }} as held
    inner join {{ changes_of('int_football__stages_named') }} as changed on held.stage_id = changed.stage_id
{%- endcall %}

with

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

tombstones as (

    select tombstones.* from {{ ref('int_football__fixtures_tombstoned') }} as tombstones
    where {{ is_touched('tombstones') }}

),

stages as (

    select * from {{ ref('int_football__stages_named') }}

),

joined as (

    select
        bases.fixture_id,
        bases.league_id,
        bases.season_id,
        bases.stage_id,
        bases.group_id,
        parts.home_team_id,
        parts.away_team_id,
        parts.winner_team_id,
        answers.request_id,
        answers.latest_score,
        {%- for kind in goals %}
        answers.home_{{ kind }},
        answers.away_{{ kind }},
        {%- endfor %}
        {{ in_states('bases.state_id', 'final') }} as is_final,
        {{ in_states('bases.state_id', 'decided') }} as is_decided_off_pitch,
        {{ in_states('bases.state_id', 'dead') }} as is_dead,
        coalesce(stages.is_table_stage, true) as is_table_stage,
        bases.state_id = 20 or tombstones.fixture_id is not null as is_deleted,
        -- the score counts only from details, and only of a state that settles it, now and when they were fetched
        coalesce(answers.is_settled, false)
        and (
            {{ in_states('bases.state_id', 'final') }} or {{ in_states('bases.state_id', 'decided') }}
        ) as is_settled,
        bases.kickoff_at,
        coalesce(bases.deleted_at, tombstones.tombstoned_at) as deleted_at
    from bases
    left join answers on bases.fixture_id = answers.fixture_id
    left join parts on bases.fixture_id = parts.fixture_id
    left join tombstones on bases.fixture_id = tombstones.fixture_id
    left join stages on bases.stage_id = stages.stage_id

),

final as (

    select
        fixture_id,
        league_id,
        season_id,
        stage_id,
        group_id,
        home_team_id,
        away_team_id,
        winner_team_id,
        request_id,
        case
            when not is_settled then null
            when home_goals > away_goals then 'home'
            when home_goals < away_goals then 'away'
            when home_goals = away_goals then 'draw'
        end as result,
        case when is_settled then latest_score end as latest_score,
        {%- for kind in goals %}
        case when is_settled then home_{{ kind }} end as home_{{ kind }},
        case when is_settled then away_{{ kind }} end as away_{{ kind }},
        {%- endfor %}
        is_final,
        is_decided_off_pitch,
        is_dead,
        is_table_stage,
        is_settled
        and is_table_stage
        and not is_deleted
        and home_goals is not null
        and away_goals is not null
        and home_team_id is not null
        and away_team_id is not null
        and kickoff_at is not null as is_in_table,
        is_deleted,
        kickoff_at,
        deleted_at
    from joined

)

select * from final
