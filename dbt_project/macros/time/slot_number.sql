{#- Which slot since 1970 a time is in: slots are cut by the clock, so that a difference is a number of slots. -#}
{% macro slot_number(expression) -%}
    cast(floor(extract(epoch from {{ expression }}) / {{ slot_seconds() }}) as bigint)
{%- endmacro %}
