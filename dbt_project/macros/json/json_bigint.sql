{#- A whole number of 64 bits in JSON; null for anything else, a greater number included. -#}
{% macro json_bigint(expression, keys) -%}
    {%- set digits = regexp_group(json_text(expression, keys), '^(-?[0-9]{1,19})$') -%}
    case
        when cast({{ digits }} as decimal(19, 0)) between -9223372036854775808 and 9223372036854775807
            then cast({{ digits }} as bigint)
    end
{%- endmacro %}
