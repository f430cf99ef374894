with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'teams') }}

),

renamed as (

    select
        -- ids
        id as team_id,
        country_id,
        venue_id,
        request_id,

        -- text
        gender,
        name as team_name,
        short_code,
        image_path,
        type as team_type,

        -- numerics
        founded as founded_year,

        -- booleans
        placeholder as is_placeholder,

        -- timestamps
        last_played_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
