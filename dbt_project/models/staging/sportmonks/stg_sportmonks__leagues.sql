with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'leagues') }}

),

renamed as (

    select
        -- ids
        id as league_id,
        country_id,
        request_id,

        -- text
        name as league_name,
        short_code,
        image_path,
        type as league_type,
        sub_type as league_sub_type,

        -- numerics
        category as importance,

        -- booleans
        active as is_active,

        -- timestamps
        last_played_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
