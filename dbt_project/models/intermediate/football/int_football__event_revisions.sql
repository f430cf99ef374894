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
    select fixture_id from {{ ref('stg_sportmonks__events') }} where {{ is_new() }}
{%- for model in ['int_football__fixture_results', 'int_football__fixtures_observed'] %}
    union all
    select fixture_id from {{ changes_of(model) }} as changed
{%- endfor %}
    union all
    select held.fixture_id
    from {{ this }} as held
    inner join {{ changes_of('int_football__types_named') }} as changed on held.type_id = changed.type_id
{%- endcall %}

with

events as (

    select events.* from {{ ref('stg_sportmonks__events') }} as events
    where {{ is_touched('events') }}

),

results as (

    select results.* from {{ ref('int_football__fixture_results') }} as results
    where {{ is_touched('results') }}

),

observations as (

    select observations.* from {{ ref('int_football__fixtures_observed') }} as observations
    where {{ is_touched('observations') }}

),

types as (

    select * from {{ ref('int_football__types_named') }}

),

-- events of an answer that is not the latest are no longer in it
taken_back as (

    select
        events.fixture_id,
        results.season_id,
        events.event_id,
        events.type_id,
        events.request_id = results.request_id as is_in_latest,
        coalesce(types.type_name, cast(events.type_id as {{ text }}))
        || coalesce(' ' || cast(events.minute as {{ text }}) || '''', '')
        || coalesce(' ' || events.player_name, '') as before,
        events.fetched_at
    from events
    inner join results on events.fixture_id = results.fixture_id
    left join types on events.type_id = types.type_id
    where events.request_id <> results.request_id or events.is_rescinded

),

final as (

    select
        taken_back.fixture_id,
        taken_back.season_id,
        taken_back.event_id,
        taken_back.type_id,
        case when taken_back.is_in_latest then 'event_rescinded' else 'event_vanished' end as kind,
        taken_back.before,
        case
            when taken_back.is_in_latest then taken_back.fetched_at
            else coalesce(min(observations.fetched_at), taken_back.fetched_at)
        end as observed_at
    from taken_back
    left join observations
        on taken_back.fixture_id = observations.fixture_id and taken_back.fetched_at < observations.fetched_at
    group by
        taken_back.fixture_id, taken_back.season_id, taken_back.event_id, taken_back.type_id, taken_back.is_in_latest,
        taken_back.before, taken_back.fetched_at

)

select * from final
