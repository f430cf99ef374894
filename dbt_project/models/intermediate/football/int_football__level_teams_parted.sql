{{
    config(
        materialized='incremental',
        unique_key='season_id',
        meta={'changes': ['season_id']},
        pre_hook="{{ plan_hash_joins() }}",
        indexes=[{'columns': ['season_id']}]
    )
}}

{#- how often head-to-head starts again in what is still level; a data test tells if that is too seldom -#}
{%- set depth = 6 -%}

{%- call touched_keys() %}
{%- for model in ['int_football__level_teams', 'int_football__league_tables', 'int_football__table_matches'] %}
    select season_id from {{ changes_of(model) }} as changed
    {{ 'union all' if not loop.last }}
{%- endfor %}
{%- endcall %}

with

-- tie: the place of a team's group, which every level of head-to-head moves on by the rank inside it
level_0 as (

    select level_teams.* from {{ ref('int_football__level_teams') }} as level_teams
    where {{ is_touched('level_teams') }}

),

sides as (

    select sides.* from {{ ref('int_football__table_sides') }} as sides
    where {{ is_touched('sides') }}

),

tables as (

    select tables.* from {{ ref('int_football__league_tables') }} as tables
    where {{ is_touched('tables') }}

),

outcomes as (

    select
        ours.table_id,
        ours.standing_on,
        ours.team_id,
        sides.opponent_team_id,
        sides.home_goals_for + sides.away_goals_for
        - sides.home_goals_against - sides.away_goals_against as goal_difference,
        tables.points_for_win * (sides.home_won + sides.away_won) + sides.home_drawn + sides.away_drawn as points
    from level_0 as ours
    inner join sides on ours.table_id = sides.table_id and ours.team_id = sides.team_id
    inner join level_0 as theirs
        on
            ours.table_id = theirs.table_id
            and ours.standing_on = theirs.standing_on
            and ours.tie = theirs.tie
            and sides.opponent_team_id = theirs.team_id
    inner join tables on ours.table_id = tables.table_id

),

{% for level in range(1, depth + 1) -%}
{% set before = 'level_' ~ (level - 1) -%}
{{ 'among_' ~ level }} as (

    select
        ours.table_id,
        ours.standing_on,
        ours.team_id,
        sum(outcomes.points) as points,
        sum(outcomes.goal_difference) as goal_difference
    from outcomes
    inner join {{ before }} as ours
        on
            outcomes.table_id = ours.table_id
            and outcomes.standing_on = ours.standing_on
            and outcomes.team_id = ours.team_id
    inner join {{ before }} as theirs
        on
            outcomes.table_id = theirs.table_id
            and outcomes.standing_on = theirs.standing_on
            and outcomes.opponent_team_id = theirs.team_id
            and ours.tie = theirs.tie
    group by ours.table_id, ours.standing_on, ours.team_id

),

{{ 'level_' ~ level }} as (

    select
        tied.season_id,
        tied.table_id,
        tied.team_id,
        tied.tie - 1 + rank() over (
            partition by tied.table_id, tied.standing_on, tied.tie
            order by coalesce(among.points, 0) desc, coalesce(among.goal_difference, 0) desc
        ) as tie,
        tied.standing_on
    from {{ before }} as tied
    left join {{ 'among_' ~ level }} as among
        on
            tied.table_id = among.table_id
            and tied.standing_on = among.standing_on
            and tied.team_id = among.team_id

),

{% endfor -%}
final as (

    select
        season_id,
        table_id,
        team_id,
        tie as head_to_head_position,
        standing_on
    from {{ 'level_' ~ depth }}

)

select * from final
