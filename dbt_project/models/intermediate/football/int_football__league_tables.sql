{{
    config(
        materialized='incremental',
        unique_key='season_id',
        meta={'changes': ['season_id']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['season_id']}]
    )
}}

{%- call touched_keys() %}
{%- for model in ['int_football__table_matches', 'int_football__season_rules'] %}
    select season_id from {{ changes_of(model) }} as changed
    {{ 'union all' if not loop.last }}
{%- endfor %}
{%- endcall %}

with

matches as (

    select matches.* from {{ ref('int_football__table_matches') }} as matches
    where {{ is_touched('matches') }}

),

rules as (

    select * from {{ ref('int_football__season_rules') }}

),

final as (

    select
        matches.table_id,
        matches.season_id,
        matches.stage_id,
        matches.group_id,
        max(matches.league_id) as league_id,
        max(coalesce(rules.ranking, 'goal_difference')) as ranking,
        max(coalesce(rules.points_for_win, 3)) as points_for_win,
        bool_and(matches.is_in_table) or bool_or(coalesce(rules.is_finished, false)) as is_over,
        min(matches.played_on) as first_on
    from matches
    left join rules on matches.season_id = rules.season_id
    group by matches.table_id, matches.season_id, matches.stage_id, matches.group_id

)

select * from final
