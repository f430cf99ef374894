{#- A text as the warehouse's own JSON type. -#}
{% macro as_json(expression) -%}
    {{ return(adapter.dispatch('as_json')(expression)) }}
{%- endmacro %}

{% macro default__as_json(expression) -%}
    cast({{ expression }} as json)
{%- endmacro %}

{% macro postgres__as_json(expression) -%}
    cast({{ expression }} as jsonb)
{%- endmacro %}
