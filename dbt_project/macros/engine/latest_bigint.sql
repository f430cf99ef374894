{#- The value in the row with the latest time, as an aggregate: a window would sort the whole history. -#}
{% macro latest_bigint(value, time) -%}
    {{ return(adapter.dispatch('latest_bigint')(value, time)) }}
{%- endmacro %}

{% macro default__latest_bigint(value, time) -%}
    max_by({{ value }}, {{ time }})
{%- endmacro %}

{% macro postgres__latest_bigint(value, time) -%}
    {#- arrays compare element by element, so that the greatest one holds the latest value -#}
    (max(array[cast(extract(epoch from {{ time }}) as bigint), {{ value }}]))[2]
{%- endmacro %}
