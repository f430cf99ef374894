with

raw_rows as (

    {{ completed_rows('raw_kick', 'categories') }}

),

renamed as (

    select
        -- ids
        'kick' as platform,
        cast(id as {{ dbt.type_string() }}) as category_id,
        request_id,

        -- text
        name as category_name,
        tags,
        nullif(thumbnail, '') as thumbnail_url,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
