{#- What is due of a resource, from a CTE `units` (unit_id, age_class, viewer_count). Never fetched comes first. -#}
{% macro sync_plan(source, resource) -%}
    {%- set max_age = 'policies.max_age_hours * 3600' -%}
    {%- set priority = 'coalesce(cast(states.age_seconds as double precision) / greatest(' ~ max_age ~ ', 1), 1000000)' -%}
    select
        units.unit_id,
        policies.age_class,
        states.last_success_at,
        states.last_attempt_at,
        states.synced_until,
        coalesce(states.failures, 0) as failures,
        {{ max_age }} as max_age_seconds,
        {{ priority }} as priority,
        coalesce(states.age_seconds >= {{ max_age }}, true)
        and coalesce(states.waited_seconds >= least({{ max_age }}, states.backoff_seconds), true) as is_due,
        row_number() over (
            order by states.age_seconds is null desc, {{ priority }} desc, units.viewer_count desc nulls last, units.unit_id asc
        ) as position
    from units
    left join {{ ref('int_ops__sync_log_aged') }} as states
        on states.source = '{{ source }}' and states.resource = '{{ resource }}' and units.unit_id = states.unit_id
    left join {{ ref('sync_policies') }} as policies
        on policies.source = '{{ source }}' and policies.resource = '{{ resource }}'
        and policies.age_class = case when states.status = 'absent' then 'absent' else units.age_class end
{%- endmacro %}
