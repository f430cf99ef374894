{#-
    For a pre-hook: while everything is built, joins go over whole tables. PostgreSQL knows nothing yet of tables that
    were just made and would take them for a few rows, which makes loops in loops; the settings end with the model.
-#}
{% macro plan_full_build() -%}
    {{ return(adapter.dispatch('plan_full_build')()) }}
{%- endmacro %}

{% macro default__plan_full_build() -%}
{%- endmacro %}

{% macro postgres__plan_full_build() -%}
    {%- if not is_incremental() -%}
        set local enable_nestloop = off;
        set local work_mem = '256MB'
    {%- endif -%}
{%- endmacro %}
