{#-
    For a pre-hook of models that recompute whole days or channels: PostgreSQL can not tell how many rows they have once
    they were added up, nor how many are newer than what it knows of, takes them for a few, and would join them by loops
    in loops. The settings end with the model.
-#}
{% macro plan_hash_joins() -%}
    {{ return(adapter.dispatch('plan_hash_joins')()) }}
{%- endmacro %}

{% macro default__plan_hash_joins() -%}
{%- endmacro %}

{% macro postgres__plan_hash_joins() -%}
    set local enable_nestloop = off;
    set local work_mem = '256MB'
{%- endmacro %}
