with

resources as (

    select * from {{ ref('stg_ops__run_resources') }}

),

requests as (

    select * from {{ ref('stg_ops__api_requests') }}

),

requested as (

    select
        run_id,
        source,
        resource,
        count(*) as requests,
        cast(sum(attempts - 1) as bigint) as retries,
        cast(sum(rate_limited) as bigint) as rate_limited
    from requests
    group by run_id, source, resource

),

final as (

    select
        resources.run_id,
        resources.source,
        resources.resource,
        resources.status,
        resources.message,
        resources.unknown_fields,
        resources.units_requested,
        resources.units_succeeded,
        resources.units_absent,
        resources.units_failed,
        resources.units_deferred,
        cast(resources.units_succeeded as double precision) / nullif(resources.units_requested, 0) as success_rate,
        resources.rows_received,
        resources.rows_loaded,
        resources.rows_quarantined,
        coalesce(requested.requests, 0) as requests,
        coalesce(requested.retries, 0) as retries,
        coalesce(requested.rate_limited, 0) as rate_limited,
        resources.seconds,
        resources.rows_loaded / nullif(resources.seconds, 0) as rows_per_second,
        resources.started_at
    from resources
    left join requested
        on
            resources.run_id = requested.run_id
            and resources.source = requested.source
            and resources.resource = requested.resource

)

select * from final
