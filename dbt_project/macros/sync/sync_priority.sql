{#- Age as a share of the maximum age, for sync_plan: 1000000 if never fetched, at least 100 if urgent. -#}
{% macro sync_priority(urgent) -%}
    {%- set share = 'cast(states.age_seconds as double precision) / greatest(policies.max_age_hours * 3600, 1)' -%}
    coalesce(
        case when states.age_seconds is not null and {{ urgent }} then greatest({{ share }}, 100) else {{ share }} end,
        case when states.age_seconds is null then 1000000 else 0 end
    )
{%- endmacro %}
