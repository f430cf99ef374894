with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'periods') }}

),

renamed as (

    select
        -- ids
        fixture_id,
        id as period_id,
        type_id,
        request_id,

        -- text
        description,

        -- numerics
        started as started_epoch_seconds,
        ended as ended_epoch_seconds,
        counts_from,
        sort_order,
        time_added as added_minutes,
        period_length as length_minutes,
        minutes,
        seconds,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
