{#- The rows that a model has and a build does not, or the other way round, as a subquery; the time of loads is no difference. -#}
{% macro difference(arguments, old_condition, new_condition) -%}
    {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name') | reject('equalto', 'loaded_at')) -%}
    {%- set old = 'select ' ~ columns ~ ' from ' ~ arguments.target_relation ~ ' as replaced where ' ~ old_condition -%}
    {%- set new = 'select ' ~ columns ~ ' from ' ~ arguments.temp_relation ~ ' as built where ' ~ new_condition -%}
    ((({{ old }}) except ({{ new }})) union all (({{ new }}) except ({{ old }}))) as changed
{%- endmacro %}
