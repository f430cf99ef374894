{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        meta={'changes': ['pool_id', 'played_on']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id'], 'unique': true}, {'columns': ['pool_id', 'played_on']}]
    )
}}

{%- call touched_keys() %}
    select fixture_id from {{ changes_of('int_football__fixture_results') }} as changed
    union all
    select held.fixture_id
    from {{ this }} as held
    inner join {{ changes_of('int_football__leagues_pooled') }} as changed on held.league_id = changed.league_id
{%- endcall %}

with

results as (

    select results.* from {{ ref('int_football__fixture_results') }} as results
    where {{ is_touched('results') }}

),

leagues as (

    select * from {{ ref('int_football__leagues_pooled') }}

),

final as (

    select
        results.fixture_id,
        results.league_id,
        results.season_id,
        coalesce(leagues.pool_id, -results.league_id) as pool_id,
        results.home_team_id,
        results.away_team_id,
        results.home_goals,
        results.away_goals,
        cast(results.kickoff_at as date) as played_on
    from results
    left join leagues on results.league_id = leagues.league_id
    where
        results.is_final
        and results.result is not null
        and not results.is_deleted
        and results.kickoff_at is not null
        and results.home_team_id <> results.away_team_id

)

select * from final
