{{
    config(
        materialized='incremental',
        unique_key='season_id',
        meta={'changes': ['season_id']},
        pre_hook="{{ plan_hash_joins() }}",
        indexes=[{'columns': ['season_id']}]
    )
}}

{%- set counts = [
    'home_won', 'home_drawn', 'home_lost', 'home_goals_for', 'home_goals_against',
    'away_won', 'away_drawn', 'away_lost', 'away_goals_for', 'away_goals_against',
] -%}

{%- call touched_keys() %}
{%- for model in ['table_matches', 'league_tables', 'deductions_counted'] %}
    select season_id from {{ changes_of('int_football__' ~ model) }} as changed
    {{ 'union all' if not loop.last }}
{%- endfor %}
{%- endcall %}

with

matches as (

    select matches.* from {{ ref('int_football__table_matches') }} as matches
    where {{ is_touched('matches') }}

),

sides as (

    select sides.* from {{ ref('int_football__table_sides') }} as sides
    where {{ is_touched('sides') }}

),

tables as (

    select tables.* from {{ ref('int_football__league_tables') }} as tables
    where {{ is_touched('tables') }}

),

deductions as (

    select deductions.* from {{ ref('int_football__deductions_counted') }} as deductions
    where {{ is_touched('deductions') }}

),

-- who is yet to play stands in the table from its first day on
members as (

    {%- for side in ['home', 'away'] %}
    select
        table_id,
        {{ side }}_team_id as team_id
    from matches
    where {{ side }}_team_id is not null
    {{ 'union' if not loop.last }}
    {%- endfor %}

),

-- what is decided before the first match counts from then on
events as (

    select
        table_id,
        standing_on,
        team_id,
        {%- for count in counts %}
        {{ count }},
        {%- endfor %}
        0 as points_given
    from sides
    union all
    select
        tables.table_id,
        greatest(deductions.counts_on, tables.first_on) as standing_on,
        members.team_id,
        {%- for count in counts %}
        0 as {{ count }},
        {%- endfor %}
        deductions.points as points_given
    from deductions
    inner join tables
        on
            deductions.season_id = tables.season_id
            and coalesce(deductions.stage_id = tables.stage_id, true)
            and coalesce(deductions.group_id = tables.group_id, true)
    inner join members on tables.table_id = members.table_id and deductions.team_id = members.team_id
    where tables.first_on is not null

),

daily as (

    select
        table_id,
        team_id,
        standing_on,
        {%- for count in counts %}
        sum({{ count }}) as {{ count }},
        {%- endfor %}
        sum(points_given) as points_given
    from events
    group by table_id, team_id, standing_on

),

days as (

    select distinct
        table_id,
        standing_on
    from daily

),

final as (

    select
        tables.season_id,
        days.table_id,
        members.team_id,
        {%- for count in counts + ['points_given'] %}
        cast(sum(coalesce(daily.{{ count }}, 0)) over so_far as bigint) as {{ count }},
        {%- endfor %}
        days.standing_on
    from days
    inner join tables on days.table_id = tables.table_id
    inner join members on days.table_id = members.table_id
    left join daily
        on
            days.table_id = daily.table_id
            and days.standing_on = daily.standing_on
            and members.team_id = daily.team_id
    window so_far as (partition by days.table_id, members.team_id order by days.standing_on)

)

select * from final
