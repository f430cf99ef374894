with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'participants') }}

),

renamed as (

    select
        -- ids
        fixture_id,
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
        location as side,

        -- numerics
        founded as founded_year,
        position,

        -- booleans
        placeholder as is_placeholder,
        winner as is_winner,

        -- timestamps
        last_played_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
