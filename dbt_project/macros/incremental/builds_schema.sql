{#- Where the builds of incremental models are kept: what each has read, and which keys it changed. -#}
{% macro builds_schema() -%}
    {{ return(generate_schema_name('builds', none)) }}
{%- endmacro %}
