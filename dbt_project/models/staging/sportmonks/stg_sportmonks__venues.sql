with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'venues') }}

),

renamed as (

    select
        -- ids
        id as venue_id,
        country_id,
        city_id,
        request_id,

        -- text
        name as venue_name,
        address,
        zipcode,
        latitude,
        longitude,
        image_path,
        city_name,
        surface,

        -- numerics
        capacity,

        -- booleans
        national_team as is_national_team,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
