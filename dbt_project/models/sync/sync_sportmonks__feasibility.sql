{%- set requests_per_hour = env_var('SPORTMONKS_REQUESTS_PER_HOUR', '3000') | int -%}
{%- set batch_size = env_var('SPORTMONKS_BATCH_SIZE', '50') | int -%}

with

fixtures as (

    select * from {{ ref('sync_sportmonks__fixtures') }}

),

classes as (

    select
        age_class,
        count(*) as fixture_count,
        count(case when is_due then 1 end) as due_count,
        max(max_age_seconds) as max_age_seconds,
        count(*) * 3600.0 / ({{ batch_size }} * max(max_age_seconds)) as calls_per_hour
    from fixtures
    group by age_class

),

final as (

    select
        age_class,
        fixture_count,
        due_count,
        max_age_seconds,
        cast(calls_per_hour as double precision) as calls_per_hour,
        cast(sum(calls_per_hour) over () as double precision) as total_calls_per_hour,
        {{ requests_per_hour }} as limit_per_hour,
        -- a fifth of the limit is left for live scores, retries and others who use the key
        sum(calls_per_hour) over () <= 0.8 * {{ requests_per_hour }} as is_feasible
    from classes

)

select * from final
