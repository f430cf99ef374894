with

raw_rows as (

    {{ completed_rows('raw_twitch', 'streams') }}

),

renamed as (

    select
        -- ids
        'twitch' as platform,
        id as stream_id,
        user_id as channel_id,
        nullif(game_id, '') as category_id,
        request_id,

        -- text
        nullif(user_login, '') as channel_login,
        nullif(user_name, '') as channel_name,
        nullif(game_name, '') as category_name,
        nullif(type, '') as stream_type,
        nullif(title, '') as title,
        language,
        tags,
        nullif(thumbnail_url, '') as thumbnail_url,
        'https://www.twitch.tv/' || nullif(user_login, '') as channel_url,
        'https://www.twitch.tv/' || nullif(user_login, '') as stream_url,

        -- numerics
        viewer_count,

        -- timestamps
        slot_at,
        started_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
