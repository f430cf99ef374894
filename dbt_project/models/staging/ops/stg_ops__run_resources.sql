with

raw_rows as (

    {{ completed_rows('raw_ops', 'run_resources') }}

),

renamed as (

    select
        -- ids
        run_id,
        source,
        resource,

        -- text
        status,
        message,
        cast(unknown_fields as {{ dbt.type_string() }}) as unknown_fields,

        -- numerics
        units_requested,
        units_succeeded,
        units_absent,
        units_failed,
        units_deferred,
        rows_received,
        rows_loaded,
        rows_quarantined,
        seconds,

        -- timestamps
        started_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
