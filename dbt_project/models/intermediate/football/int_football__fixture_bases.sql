{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='fixture_id',
        meta={'changes': ['fixture_id']},
        pre_hook="{{ plan_hash_joins() }}",
        indexes=[{'columns': ['fixture_id'], 'unique': true}]
    )
}}

{#- computed whole: the list is read whole every day, and mostly tells of a fixture what it told the day before -#}
{%- set base_columns = [
    'fixture_id', 'league_id', 'season_id', 'stage_id', 'group_id', 'aggregate_id', 'round_id', 'state_id', 'venue_id',
    'fixture_name', 'result_info', 'leg', 'kickoff_at', 'fetched_at',
] -%}

with

observations as (

    select * from {{ ref('int_football__fixtures_observed') }}

),

answers as (

    select * from {{ ref('int_football__fixture_answers') }}

),

listings as (

    select * from {{ ref('stg_sportmonks__fixture_index') }}

),

details as (

    select observations.*
    from observations
    inner join answers
        on observations.fixture_id = answers.fixture_id and observations.observed_on = answers.observed_on

),

-- the list counts where it is newer than the details and says otherwise
versions as (

    select
        {%- for column in base_columns %}
        {{ column }},
        {%- endfor %}
        is_placeholder,
        1 as preference
    from details
    union all
    select
        {%- for column in base_columns %}
        listings.{{ column }},
        {%- endfor %}
        coalesce(listings.is_placeholder, false) as is_placeholder,
        case
            when listings.fetched_at > details.fetched_at and listings.base_hash <> details.base_hash then 0
            else 2
        end as preference
    from listings
    left join details on listings.fixture_id = details.fixture_id

),

ranked as (

    select
        *,
        row_number() over (partition by fixture_id order by preference) as recency
    from versions

),

final as (

    select
        {%- for column in base_columns if column != 'fetched_at' %}
        {{ column }},
        {%- endfor %}
        is_placeholder,
        case when state_id = 20 then fetched_at end as deleted_at
    from ranked
    where recency = 1

)

select * from final
