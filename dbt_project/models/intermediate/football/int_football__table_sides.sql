with

matches as (

    select * from {{ ref('int_football__table_matches') }}
    where is_in_table

),

final as (

    {%- for side, other in [('home', 'away'), ('away', 'home')] %}

    select
        fixture_id,
        season_id,
        table_id,
        {{ side }}_team_id as team_id,
        {{ other }}_team_id as opponent_team_id,
        {%- for measured in ['home', 'away'] %}
        {%- set unit = 1 if measured == side else 0 %}
        cast({{ side }}_goals > {{ other }}_goals as integer) * {{ unit }} as {{ measured }}_won,
        cast({{ side }}_goals = {{ other }}_goals as integer) * {{ unit }} as {{ measured }}_drawn,
        cast({{ side }}_goals < {{ other }}_goals as integer) * {{ unit }} as {{ measured }}_lost,
        {{ side }}_goals * {{ unit }} as {{ measured }}_goals_for,
        {{ other }}_goals * {{ unit }} as {{ measured }}_goals_against,
        {%- endfor %}
        played_on as standing_on
    from matches
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select * from final
