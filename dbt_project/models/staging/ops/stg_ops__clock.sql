with

raw_rows as (

    {{ completed_rows('raw_ops', 'clock') }}

),

renamed as (

    select
        -- ids
        clock_id,
        run_id,

        -- timestamps
        now_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
