{#- True or false in JSON; null for anything else. -#}
{% macro json_boolean(expression, keys) -%}
    cast({{ regexp_group(json_text(expression, keys), '^(true|false)$') }} as boolean)
{%- endmacro %}
