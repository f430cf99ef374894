with

raw_rows as (

    {{ completed_rows('raw_ops', 'polls') }}

),

renamed as (

    select
        -- ids
        source,
        resource,
        scope,
        run_id,

        -- numerics
        pages,
        rows,

        -- booleans
        is_complete,
        is_exhaustive,

        -- timestamps
        slot_at,
        started_at,
        finished_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
