{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id', 'statistic_id'], 'unique': true}]
    )
}}

{%- call touched_keys() %}
    select fixture_id from {{ ref('stg_sportmonks__statistics') }} where {{ is_new() }}
    union all
    select fixture_id from {{ changes_of('int_football__fixture_results') }} as changed
    union all
    select statistics.fixture_id
    from {{ ref('stg_sportmonks__statistics') }} as statistics
    inner join {{ changes_of('int_football__teams_aliased') }} as changed on statistics.team_id = changed.team_id
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

statistics as (

    select statistics.* from {{ ref('stg_sportmonks__statistics') }} as statistics
    where {{ is_touched('statistics') }}

),

types as (

    select * from {{ ref('int_football__types_named') }}

),

teams as (

    select * from {{ ref('int_football__teams_aliased') }}

),

final as (

    select
        statistics.fixture_id,
        statistics.statistic_id,
        results.season_id,
        statistics.type_id,
        coalesce(teams.canonical_team_id, statistics.team_id) as team_id,
        types.type_name as statistic_name,
        statistics.side,
        statistics.value,
        results.kickoff_at,
        statistics.fetched_at
    from results
    inner join statistics
        on results.fixture_id = statistics.fixture_id and results.request_id = statistics.request_id
    left join types on statistics.type_id = types.type_id
    left join teams on statistics.team_id = teams.team_id

)

select * from final
