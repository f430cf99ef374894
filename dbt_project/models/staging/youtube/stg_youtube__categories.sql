with

raw_rows as (

    {{ completed_rows('raw_youtube', 'categories') }}

),

renamed as (

    select
        -- ids
        'youtube' as platform,
        id as category_id,
        request_id,

        -- text
        title as category_name,

        -- booleans
        coalesce(assignable, false) as is_assignable,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
