{{
    config(
        materialized='incremental',
        unique_key='season_id',
        pre_hook="{{ plan_hash_joins() }}",
        indexes=[
            {'columns': ['season_id', 'standing_on']},
            {'columns': ['table_id', 'standing_on', 'team_id'], 'unique': true},
        ]
    )
}}

{%- set counts = ['won', 'drawn', 'lost', 'goals_for', 'goals_against'] -%}

{%- call touched_keys() %}
{%- for model in ['table_totals', 'league_tables', 'level_teams_parted'] %}
    select season_id from {{ changes_of('int_football__' ~ model) }} as changed
    union all
{%- endfor %}
    select held.season_id
    from {{ this }} as held
    inner join {{ changes_of('int_football__teams_named') }} as changed on held.team_id = changed.team_id
{%- endcall %}

with

points as (

    select points.* from {{ ref('int_football__table_points') }} as points
    where {{ is_touched('points') }}

),

level_teams as (

    select level_teams.* from {{ ref('int_football__level_teams_parted') }} as level_teams
    where {{ is_touched('level_teams') }}

),

teams as (

    select * from {{ ref('int_football__teams_named') }}

),

last_days as (

    select
        table_id,
        max(standing_on) as standing_on
    from points
    group by table_id

),

ranked as (

    select
        points.*,
        points.goals_for - points.goals_against as goal_difference,
        level_teams.head_to_head_position,
        case
            when points.ranking = 'points_per_game'
                then coalesce(
                    cast(points.points as double precision) / nullif(points.home_played + points.away_played, 0), 0
                )
            else points.points
        end as merit,
        case
            when points.ranking = 'goals_for' then points.goals_for
            else points.goals_for - points.goals_against
        end as second_merit,
        case
            when points.ranking = 'goals_for' then points.goals_for - points.goals_against
            else points.goals_for
        end as third_merit,
        teams.team_name
    from points
    left join level_teams
        on
            points.table_id = level_teams.table_id
            and points.standing_on = level_teams.standing_on
            and points.team_id = level_teams.team_id
    left join teams on points.team_id = teams.team_id

),

final as (

    select
        ranked.table_id,
        ranked.season_id,
        ranked.league_id,
        ranked.stage_id,
        ranked.group_id,
        ranked.team_id,
        ranked.ranking,
        row_number() over (
            partition by ranked.table_id, ranked.standing_on
            order by
                ranked.merit desc,
                coalesce(ranked.head_to_head_position, 0) asc,
                ranked.second_merit desc,
                ranked.third_merit desc,
                {{ binary_order('ranked.team_name') }},
                ranked.team_id
        ) as position,
        ranked.head_to_head_position,
        ranked.home_played + ranked.away_played as played,
        {%- for count in counts %}
        ranked.{{ count }},
        {%- endfor %}
        ranked.goal_difference,
        ranked.points,
        -ranked.points_given as points_deducted,
        {%- for side in ['home', 'away'] %}
        ranked.{{ side }}_played,
        {%- for count in counts %}
        ranked.{{ side }}_{{ count }},
        {%- endfor %}
        ranked.{{ side }}_goals_for - ranked.{{ side }}_goals_against as {{ side }}_goal_difference,
        ranked.{{ side }}_points,
        {%- endfor %}
        last_days.standing_on is not null as is_latest,
        last_days.standing_on is not null and ranked.is_over as is_final,
        ranked.standing_on
    from ranked
    left join last_days on ranked.table_id = last_days.table_id and ranked.standing_on = last_days.standing_on

)

select * from final
