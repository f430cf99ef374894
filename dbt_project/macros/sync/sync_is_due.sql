{#-
    Whether a unit is to be asked for, for sync_plan: urgent, or of its maximum age, or never fetched (unless its class
    has no maximum age: never). A run up to an hour early finds it due, or a daily run would miss every second day.
-#}
{% macro sync_is_due(urgent) -%}
    {%- set max_age = '(policies.max_age_hours * 3600)' -%}
    coalesce(
        {{ urgent }} or states.age_seconds >= {{ max_age }} - least({{ max_age }} / 20, 3600),
        states.age_seconds is null and policies.max_age_hours is not null
    )
    and coalesce(states.waited_seconds >= least({{ max_age }}, states.backoff_seconds), true)
{%- endmacro %}
