with

raw_rows as (

    {{ completed_rows('raw_ops', 'dbt_nodes') }}

),

renamed as (

    select
        -- ids
        invocation_id,
        unique_id,
        run_id,

        -- text
        name,
        resource_type,
        status,
        message,

        -- numerics
        seconds,
        rows_affected,
        failures,

        -- timestamps
        completed_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
