with

raw_rows as (

    {{ completed_rows('raw_twitch', 'games') }}

),

renamed as (

    select
        -- ids
        'twitch' as platform,
        id as category_id,
        nullif(igdb_id, '') as igdb_id,
        request_id,

        -- text
        name as category_name,
        nullif(box_art_url, '') as box_art_url,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
