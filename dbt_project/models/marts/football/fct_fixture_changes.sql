{{
    config(
        materialized='incremental',
        unique_key='change_id',
        pre_hook=["{{ plan_full_build() }}", "{{ forget_touched() }}"],
        indexes=[
            {'columns': ['change_id'], 'unique': true},
            {'columns': ['fixture_id']},
        ]
    )
}}

{%- set text = dbt.type_string() %}

with

fixtures as (

    select * from {{ ref('fct_fixtures') }}
    where {{ unseen() }}

),

observations as (

    select * from {{ ref('int_football__fixtures_observed') }}

),

events as (

    select * from {{ ref('stg_sportmonks__events') }}

),

types as (

    select * from {{ ref('stg_sportmonks__types') }}

),

corrections as (

    select * from {{ ref('stg_sportmonks__corrections') }}
    where coalesce(is_active, true) and coalesce(type_id, 187) = 187

),

teams as (

    select * from {{ ref('int_football__teams_resolved') }}

),

described as (

    select
        observations.*,
        cast(observations.kickoff_at as {{ text }}) as kickoff,
        case
            when observations.is_settled then {{ score_text('observations.home_goals', 'observations.away_goals') }}
        end as score
    from observations
    inner join fixtures on observations.fixture_id = fixtures.fixture_id

),

successive as (

    select
        *,
        {%- for column in ['state_id', 'kickoff', 'score', 'fixture_name'] %}
        lag({{ column }}) over (partition by fixture_id order by fetched_at) as previous_{{ column }},
        {%- endfor %}
        lag(is_placeholder) over (partition by fixture_id order by fetched_at) as was_placeholder
    from described

),

observed as (

    {%- for kind, column, condition in [
        ('postponed', 'kickoff', 'state_id = 10 and previous_state_id <> 10'),
        ('rescheduled', 'kickoff', 'kickoff <> previous_kickoff'),
        ('score_corrected', 'score', 'score <> previous_score'),
        ('awarded', 'score', in_states('state_id', 'decided') ~ ' and not ' ~ in_states('previous_state_id', 'decided')),
        ('placeholder_filled', 'fixture_name', 'was_placeholder and not is_placeholder'),
    ] %}

    select
        fixture_id,
        season_id,
        '{{ kind }}' as kind,
        cast(observed_on as {{ text }}) as detail,
        previous_{{ column }} as before,
        {{ column }} as after,
        fetched_at as observed_at
    from successive
    where {{ condition }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

-- events of an answer that is not the latest are no longer in it
taken_back as (

    select
        events.fixture_id,
        fixtures.season_id,
        events.event_id,
        events.request_id = fixtures.request_id as is_in_latest,
        coalesce(types.type_name, cast(events.type_id as {{ text }}))
        || coalesce(' ' || cast(events.minute as {{ text }}) || '''', '')
        || coalesce(' ' || events.player_name, '') as before,
        events.fetched_at
    from events
    inner join fixtures on events.fixture_id = fixtures.fixture_id
    left join types on events.type_id = types.type_id
    where events.request_id <> fixtures.request_id or events.is_rescinded

),

event_changes as (

    select
        taken_back.fixture_id,
        taken_back.season_id,
        case when taken_back.is_in_latest then 'event_rescinded' else 'event_vanished' end as kind,
        cast(taken_back.event_id as {{ text }}) as detail,
        taken_back.before,
        cast(null as {{ text }}) as after,
        case
            when taken_back.is_in_latest then taken_back.fetched_at
            else coalesce(min(observations.fetched_at), taken_back.fetched_at)
        end as observed_at
    from taken_back
    left join observations
        on taken_back.fixture_id = observations.fixture_id and taken_back.fetched_at < observations.fetched_at
    group by
        taken_back.fixture_id, taken_back.season_id, taken_back.event_id, taken_back.is_in_latest, taken_back.before,
        taken_back.fetched_at

),

deleted as (

    select
        fixture_id,
        season_id,
        'deleted' as kind,
        '' as detail,
        fixture_name as before,
        cast(null as {{ text }}) as after,
        deleted_at as observed_at
    from fixtures
    where is_deleted

),

first_corrections as (

    select
        *,
        row_number() over (partition by correction_id order by fetched_at) as sighting
    from corrections

),

-- as first seen; one that is withdrawn was decided all the same
deducted as (

    select
        cast(null as bigint) as fixture_id,
        first_corrections.season_id,
        'deducted' as kind,
        cast(first_corrections.correction_id as {{ text }}) as detail,
        cast(null as {{ text }}) as before,
        first_corrections.calc_type || cast(first_corrections.points as {{ text }}) as after,
        first_corrections.fetched_at as observed_at,
        coalesce(teams.canonical_team_id, first_corrections.team_id) as team_id,
        first_corrections.loaded_at
    from first_corrections
    left join teams on first_corrections.team_id = teams.team_id
    where first_corrections.sighting = 1

),

united as (

    {%- for relation in ['observed', 'event_changes', 'deleted'] %}

    select
        {{ relation }}.*,
        cast(null as bigint) as team_id,
        fixtures.loaded_at
    from {{ relation }}
    inner join fixtures on {{ relation }}.fixture_id = fixtures.fixture_id
    union all
    {%- endfor %}
    select * from deducted

),

final as (

    select
        kind || '-' || cast(coalesce(fixture_id, season_id) as {{ text }}) || '-' || detail as change_id,
        fixture_id,
        season_id,
        team_id,
        kind,
        before,
        after,
        observed_at,
        loaded_at
    from united

)

select * from final
