{#- An amount in JSON, written as a number or as a text, exactly; null for what is neither. -#}
{% macro json_decimal(expression, keys) -%}
    cast({{ regexp_group(json_text(expression, keys), '^(-?[0-9]{1,15}(?:[.][0-9]{1,15})?)$') }} as decimal(18, 2))
{%- endmacro %}
