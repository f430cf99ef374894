{#- What is found in JSON at the end of a list of keys, as JSON; null if there is nothing. -#}
{% macro json_member(expression, keys) -%}
    {{ return(adapter.dispatch('json_member')(expression, keys)) }}
{%- endmacro %}

{% macro default__json_member(expression, keys) -%}
    json_extract({{ expression }}, {{ json_path(keys) }})
{%- endmacro %}

{% macro postgres__json_member(expression, keys) -%}
    ({{ expression }} #> {{ json_path(keys) }})
{%- endmacro %}
