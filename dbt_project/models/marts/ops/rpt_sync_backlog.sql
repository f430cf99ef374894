{%- set resources = ['streams', 'users', 'channels', 'followers', 'videos', 'clips', 'games'] -%}

with

{% for resource in resources -%}
{{ resource }} as (

    select * from {{ ref('sync_twitch__' ~ resource) }}

),

{% endfor -%}

units as (

    {% for resource in resources -%}
    select
        'twitch' as source,
        '{{ resource }}' as resource,
        *
    from {{ resource }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        source,
        resource,
        age_class,
        cast(max(max_age_seconds) / 3600 as bigint) as max_age_hours,
        count(*) as unit_count,
        count(case when is_due then 1 end) as due_count,
        count(case when last_success_at is null then 1 end) as never_fetched_count,
        count(case when failures > 0 then 1 end) as failing_count,
        max(priority) as highest_priority,
        min(last_success_at) as oldest_success_at
    from units
    group by source, resource, age_class

)

select * from final
