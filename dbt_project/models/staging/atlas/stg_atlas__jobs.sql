with

raw_rows as (

    {{ completed_rows('raw_atlas', 'jobs') }}

),

renamed as (

    select
        -- ids
        client,
        route,

        -- text
        base_url,
        path,
        page_style,

        -- numerics
        trailing_days,

        -- timestamps
        since_day,
        declared_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
