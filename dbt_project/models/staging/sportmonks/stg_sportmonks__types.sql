with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'types') }}

),

renamed as (

    select
        -- ids
        id as type_id,
        request_id,

        -- text
        name as type_name,
        code,
        developer_name,
        model_type,
        stat_group,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
