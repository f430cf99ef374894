with

raw_rows as (

    {{ completed_rows('raw_youtube', 'videos') }}

),

renamed as (

    select
        -- ids
        'youtube' as platform,
        id as stream_id,
        channel_id,
        nullif(category_id, '') as category_id,
        request_id,

        -- text
        nullif(channel_title, '') as channel_name,
        nullif(title, '') as title,
        nullif(description, '') as description,
        nullif(default_audio_language, '') as language,
        nullif(live_broadcast_content, '') as live_broadcast_content,
        tags,
        thumbnails,
        'https://www.youtube.com/channel/' || channel_id as channel_url,
        'https://www.youtube.com/watch?v=' || id as stream_url,

        -- numerics
        concurrent_viewers as viewer_count,
        view_count,
        like_count,
        comment_count,

        -- booleans
        actual_start_time is not null and actual_end_time is null as is_live,

        -- timestamps
        slot_at,
        published_at,
        scheduled_start_time as scheduled_start_at,
        actual_start_time as started_at,
        actual_end_time as ended_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
