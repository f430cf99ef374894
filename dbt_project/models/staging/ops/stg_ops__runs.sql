with

raw_rows as (

    {{ completed_rows('raw_ops', 'runs') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- text
        command,
        job,
        status,
        data_kind,
        target,
        error,
        next_step,
        cast(settings as {{ dbt.type_string() }}) as settings,
        cast(versions as {{ dbt.type_string() }}) as versions,
        host,

        -- numerics
        seconds,
        exit_code,
        pid,

        -- timestamps
        started_at,
        finished_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
