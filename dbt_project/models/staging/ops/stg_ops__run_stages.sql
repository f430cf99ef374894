with

raw_rows as (

    {{ completed_rows('raw_ops', 'run_stages') }}

),

renamed as (

    select
        -- ids
        run_id,
        stage,

        -- text
        status,
        message,

        -- numerics
        position,
        seconds,
        rows,

        -- timestamps
        started_at,
        finished_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
