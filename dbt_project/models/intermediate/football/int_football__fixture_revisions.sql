{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id']}]
    )
}}

{%- set text = dbt.type_string() %}

{%- call touched_keys() %}
    select fixture_id from {{ changes_of('int_football__fixtures_observed') }} as changed
{%- endcall %}

with

observations as (

    select observations.* from {{ ref('int_football__fixtures_observed') }} as observations
    where {{ is_touched('observations') }}

),

described as (

    select
        *,
        cast(kickoff_at as {{ text }}) as kickoff,
        case when is_settled then {{ score_text('home_goals', 'away_goals') }} end as score
    from observations

),

successive as (

    select
        *,
        {%- for column in ['state_id', 'kickoff', 'score', 'fixture_name'] %}
        lag({{ column }}) over (partition by fixture_id order by fetched_at, observed_on) as previous_{{ column }},
        {%- endfor %}
        lag(is_placeholder) over (partition by fixture_id order by fetched_at, observed_on) as was_placeholder
    from described

),

final as (

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

)

select * from final
