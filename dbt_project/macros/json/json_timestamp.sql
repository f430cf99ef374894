{#- A time in JSON, in RFC 3339 and UTC (Z), to the second; null for anything else. -#}
{% macro json_timestamp(expression, keys) -%}
    {%- set time = '(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]' -%}
    {%- set pattern = '^(' ~ date_pattern() ~ 'T' ~ time ~ ')(?:[.][0-9]+)?Z$' -%}
    cast({{ regexp_group(json_text(expression, keys), pattern) }} as timestamp)
{%- endmacro %}
