with

raw_rows as (

    {{ completed_rows('raw_ops', 'api_requests') }}

),

renamed as (

    select
        -- ids
        request_id,
        run_id,

        -- text
        source,
        resource,
        endpoint,
        error,

        -- numerics
        status_code,
        attempts,
        rate_limited,
        seconds,
        bytes,

        -- booleans
        is_success,

        -- timestamps
        started_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
