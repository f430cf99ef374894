{#- A number in JSON, as near as 64 bits of floating point come; null for anything else. -#}
{% macro json_double(expression, keys) -%}
    {%- set pattern = '^(-?[0-9]{1,250}(?:[.][0-9]{1,250})?(?:[eE][-+]?[0-9]{1,2})?)$' -%}
    cast({{ regexp_group(json_text(expression, keys), pattern) }} as double precision)
{%- endmacro %}
