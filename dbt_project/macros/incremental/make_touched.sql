{#- Makes the table of touched keys from a query; PostgreSQL plans badly for a table that it knows nothing of. -#}
{% macro make_touched(query) -%}
    {%- do run_query('drop table if exists ' ~ touched()) -%}
    {%- do run_query('create temporary table ' ~ touched() ~ ' as ' ~ query) -%}
    {%- do run_query('analyze ' ~ touched()) if target.type == 'postgres' -%}
{%- endmacro %}
