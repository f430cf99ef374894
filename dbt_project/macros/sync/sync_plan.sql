{#-
    What is due of a resource, from a CTE `units` (unit_id, age_class, weight). Never fetched comes first, then what is
    urgent (known to have changed), then by priority; of equals, the greater weight. `columns` of units go along.
-#}
{% macro sync_plan(source, resource, urgent='false', columns=[]) -%}
    {%- set priority = sync_priority(urgent) -%}
    select
        units.unit_id, policies.age_class, states.last_success_at, states.last_attempt_at, states.synced_until, states.bookmark,
        coalesce(states.failures, 0) as failures,
        coalesce(states.last_rows, 0) as last_rows,
        cast(policies.max_age_hours * 3600 as bigint) as max_age_seconds,
        {{ priority }} as priority,
        {% for column in columns %}units.{{ column }}, {% endfor -%}
        {{ sync_is_due(urgent) }} as is_due,
        row_number() over (
            order by states.age_seconds is null desc, {{ priority }} desc, units.weight desc nulls last, units.unit_id asc
        ) as position
    from units
    left join {{ ref('int_ops__sync_log_aged') }} as states
        on states.source = '{{ source }}' and states.resource = '{{ resource }}' and units.unit_id = states.unit_id
    left join {{ ref('sync_policies') }} as policies
        on policies.source = '{{ source }}' and policies.resource = '{{ resource }}'
        and policies.age_class = case when states.status = 'absent' then 'absent' else units.age_class end
{%- endmacro %}
