with

raw_rows as (

    {{ completed_rows('raw_ops', 'sync_log') }}

),

renamed as (

    select
        -- ids
        source,
        resource,
        unit_id,
        run_id,

        -- text
        status,
        message,
        bookmark,

        -- numerics
        failures,
        rows,

        -- timestamps
        last_attempt_at,
        last_success_at,
        synced_until,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
