{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        meta={'changes': ['fixture_id', 'season_id']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id'], 'unique': true}, {'columns': ['season_id']}]
    )
}}

{%- call touched_keys() %}
    select fixture_id from {{ changes_of('int_football__fixture_results') }} as changed
{%- endcall %}

with

results as (

    select results.* from {{ ref('int_football__fixture_results') }} as results
    where {{ is_touched('results') }}

),

final as (

    select
        fixture_id,
        cast(season_id as {{ dbt.type_string() }})
        || '-' || cast(coalesce(stage_id, 0) as {{ dbt.type_string() }})
        || '-' || cast(coalesce(group_id, 0) as {{ dbt.type_string() }}) as table_id,
        season_id,
        league_id,
        stage_id,
        group_id,
        home_team_id,
        away_team_id,
        home_goals,
        away_goals,
        is_in_table,
        case when is_in_table then cast(kickoff_at as date) end as played_on
    from results
    where is_table_stage and not is_dead and not is_deleted

)

select * from final
