{#- Keeps, for the record of the build, up to where its inputs went before the touched keys were looked up. -#}
{% macro note_window() -%}
    {%- set state = build_state() -%}
    {%- set window = this.identifier ~ '__window' -%}
    {%- do run_query('drop table if exists ' ~ window) -%}
    {%- do run_query(
        'create temporary table ' ~ window ~ ' as select cast(' ~ state.until ~ ' as bigint) as load_number, '
        ~ (dbt.string_literal(state.until_id) if state.until_id else 'cast(null as text)') ~ ' as load_id'
    ) -%}
{%- endmacro %}
