{#- One row for each whole number from `first` to `last`, as an expression of a select list. -#}
{% macro series(first, last) -%}
    {{ return(adapter.dispatch('series')(first, last)) }}
{%- endmacro %}

{% macro default__series(first, last) -%}
    unnest(generate_series(cast({{ first }} as bigint), cast({{ last }} as bigint)))
{%- endmacro %}

{% macro postgres__series(first, last) -%}
    generate_series(cast({{ first }} as bigint), cast({{ last }} as bigint))
{%- endmacro %}
