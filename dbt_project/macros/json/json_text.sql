{#- The text of what is found in JSON at the end of a list of keys; null if there is nothing, or a null. -#}
{% macro json_text(expression, keys) -%}
    {{ return(adapter.dispatch('json_text')(expression, keys)) }}
{%- endmacro %}

{% macro default__json_text(expression, keys) -%}
    json_extract_string({{ expression }}, {{ json_path(keys) }})
{%- endmacro %}

{% macro postgres__json_text(expression, keys) -%}
    ({{ expression }} #>> {{ json_path(keys) }})
{%- endmacro %}
