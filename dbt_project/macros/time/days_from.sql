{#- For a select list: one row for each day from a date to the day that a moment is in. -#}
{% macro days_from(first_day, moment) -%}
    {{ return(adapter.dispatch('days_from')(first_day, moment)) }}
{%- endmacro %}

{% macro default__days_from(first_day, moment) -%}
    cast(unnest(generate_series(cast({{ first_day }} as timestamp), {{ moment }}, interval '1 day')) as date)
{%- endmacro %}

{% macro postgres__days_from(first_day, moment) -%}
    cast(generate_series(cast({{ first_day }} as timestamp), {{ moment }}, interval '1 day') as date)
{%- endmacro %}
