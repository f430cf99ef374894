with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'states') }}

),

renamed as (

    select
        -- ids
        id as state_id,
        request_id,

        -- text
        state,
        name as state_name,
        short_name,
        developer_name,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
