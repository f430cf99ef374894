{#- A score as text, such as 2-1; null while either side's goals are. -#}
{% macro score_text(home_goals, away_goals) -%}
    cast({{ home_goals }} as {{ dbt.type_string() }}) || '-' || cast({{ away_goals }} as {{ dbt.type_string() }})
{%- endmacro %}
