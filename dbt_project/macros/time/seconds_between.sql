{#- Whole seconds from one timestamp to another. dbt.datediff counts borders that are crossed, and not alike everywhere. -#}
{% macro seconds_between(start, end) -%}
    {{ return(adapter.dispatch('seconds_between')(start, end)) }}
{%- endmacro %}

{% macro default__seconds_between(start, end) -%}
    cast(floor(extract(epoch from ({{ end }} - {{ start }}))) as bigint)
{%- endmacro %}
