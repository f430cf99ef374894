with

raw_rows as (

    {{ completed_rows('raw_twitch', 'clips') }}

),

renamed as (

    select
        -- ids
        'twitch' as platform,
        id as clip_id,
        broadcaster_id as channel_id,
        nullif(creator_id, '') as creator_id,
        nullif(video_id, '') as video_id,
        nullif(game_id, '') as category_id,
        request_id,

        -- text
        nullif(broadcaster_name, '') as channel_name,
        nullif(creator_name, '') as creator_name,
        nullif(title, '') as title,
        language,
        url,
        nullif(embed_url, '') as embed_url,
        nullif(thumbnail_url, '') as thumbnail_url,

        -- numerics
        view_count,
        duration as duration_seconds,
        vod_offset as vod_offset_seconds,

        -- booleans
        is_featured,

        -- dates and timestamps
        observed_on,
        created_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
