with

raw_rows as (

    {{ completed_rows('raw_twitch', 'channels') }}

),

renamed as (

    select
        -- ids
        'twitch' as platform,
        broadcaster_id as channel_id,
        nullif(game_id, '') as category_id,
        request_id,

        -- text
        nullif(broadcaster_login, '') as channel_login,
        nullif(broadcaster_name, '') as channel_name,
        nullif(game_name, '') as category_name,
        nullif(title, '') as title,
        nullif(broadcaster_language, '') as language,
        tags,
        content_classification_labels,

        -- numerics
        delay as delay_seconds,

        -- booleans
        is_branded_content,

        -- timestamps
        slot_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
