{#- A day in JSON, written YYYY-MM-DD; null for anything else. -#}
{% macro json_date(expression, keys) -%}
    cast({{ regexp_group(json_text(expression, keys), '^(' ~ date_pattern() ~ ')$') }} as date)
{%- endmacro %}
