{%- set resources = {
    'twitch': ['streams', 'users', 'channels', 'followers', 'videos', 'clips', 'games'],
    'kick': ['livestreams', 'channels', 'categories'],
    'youtube': ['search', 'videos', 'channels', 'categories'],
    'sportmonks': ['lists', 'livescores', 'fixtures', 'corrections', 'topscorers'],
    'atlas': ['payloads'],
} -%}
{#- views that are not named after their resource -#}
{%- set views = {'payloads': 'days'} -%}

with

{% for source, names in resources.items() -%}
{% for name in names -%}
{{ source }}_{{ name }} as (

    select * from {{ ref('sync_' ~ source ~ '__' ~ views.get(name, name)) }}

),

{% endfor -%}
{% endfor -%}
units as (

    {% for source, names in resources.items() -%}
    {% set is_last_source = loop.last -%}
    {% for name in names -%}
    select
        '{{ source }}' as source,
        '{{ name }}' as resource,
        age_class,
        max_age_seconds,
        is_due,
        last_success_at,
        failures,
        priority
    from {{ source }}_{{ name }}
    {% if not (loop.last and is_last_source) %}union all{% endif %}
    {% endfor -%}
    {% endfor %}

),

final as (

    select
        source,
        resource,
        age_class,
        cast(max(max_age_seconds) as double precision) / 3600 as max_age_hours,
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
