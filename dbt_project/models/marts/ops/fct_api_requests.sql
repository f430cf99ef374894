with

requests as (

    select * from {{ ref('stg_ops__api_requests') }}

),

final as (

    select
        request_id,
        run_id,
        source,
        resource,
        endpoint,
        error,
        status_code,
        attempts - 1 as retries,
        rate_limited,
        seconds,
        bytes,
        is_success,
        started_at
    from requests

)

select * from final
