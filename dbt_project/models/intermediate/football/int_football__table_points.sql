{%- set counts = ['won', 'drawn', 'lost', 'goals_for', 'goals_against'] -%}

with

totals as (

    select * from {{ ref('int_football__table_totals') }}

),

tables as (

    select * from {{ ref('int_football__league_tables') }}

),

final as (

    select
        totals.season_id,
        totals.table_id,
        totals.team_id,
        tables.league_id,
        tables.stage_id,
        tables.group_id,
        tables.ranking,
        {%- for count in counts %}
        totals.home_{{ count }} + totals.away_{{ count }} as {{ count }},
        {%- for side in ['home', 'away'] %}
        totals.{{ side }}_{{ count }},
        {%- endfor %}
        {%- endfor %}
        {%- for side in ['home', 'away'] %}
        totals.{{ side }}_won + totals.{{ side }}_drawn + totals.{{ side }}_lost as {{ side }}_played,
        tables.points_for_win * totals.{{ side }}_won + totals.{{ side }}_drawn as {{ side }}_points,
        {%- endfor %}
        tables.points_for_win * (totals.home_won + totals.away_won)
        + totals.home_drawn + totals.away_drawn + totals.points_given as points,
        totals.points_given,
        tables.is_over,
        totals.standing_on
    from totals
    inner join tables on totals.season_id = tables.season_id and totals.table_id = tables.table_id

)

select * from final
