{#-
    Whether a model is built in full, in place of dbt's own macro: if dbt is told so, and if its last build does not let it
    go on. What is only compiled is shown whole.
-#}
{% macro should_full_refresh() -%}
    {%- if model.config.materialized != 'incremental' -%}
        {{ return(flags.FULL_REFRESH) }}
    {%- elif flags.WHICH not in ('run', 'build', 'retry') -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set is_told = config.get('full_refresh') if config.get('full_refresh') is not none else flags.FULL_REFRESH -%}
    {{ return(build_state().full_reason is not none or is_told) }}
{%- endmacro %}
