with

twitch_streams as (

    select * from {{ ref('stg_twitch__streams') }}

),

kick_livestreams as (

    select * from {{ ref('stg_kick__livestreams') }}

),

youtube_categories as (

    select * from {{ ref('stg_youtube__categories') }}

),

-- a name that is told later makes the snapshot a later one, so that incremental models see it again; read apart, so
-- that a filter on loaded_at reaches the raw tables
youtube_named as (

    select
        youtube_videos.*,
        youtube_categories.category_name,
        youtube_videos.loaded_at as last_loaded_at
    from {{ ref('stg_youtube__videos') }} as youtube_videos
    left join youtube_categories on youtube_videos.category_id = youtube_categories.category_id
    where youtube_categories.loaded_at is null or youtube_categories.loaded_at <= youtube_videos.loaded_at

),

youtube_named_later as (

    select
        youtube_videos.*,
        youtube_categories.category_name,
        youtube_categories.loaded_at as last_loaded_at
    from {{ ref('stg_youtube__videos') }} as youtube_videos
    inner join youtube_categories on youtube_videos.category_id = youtube_categories.category_id
    where youtube_categories.loaded_at > youtube_videos.loaded_at

),

youtube_streams as (

    select * from youtube_named
    where is_live
    union all
    select * from youtube_named_later
    where is_live

),

unioned as (

    select
        platform,
        stream_id,
        channel_id,
        category_id,
        channel_login,
        channel_name,
        category_name,
        title,
        language,
        channel_url,
        stream_url,
        viewer_count,
        slot_at,
        started_at,
        fetched_at,
        loaded_at
    from twitch_streams
    union all
    select
        platform,
        stream_id,
        channel_id,
        category_id,
        channel_login,
        channel_name,
        category_name,
        title,
        language,
        channel_url,
        stream_url,
        viewer_count,
        slot_at,
        started_at,
        fetched_at,
        loaded_at
    from kick_livestreams
    union all
    select
        platform,
        stream_id,
        channel_id,
        category_id,
        -- only /channels tells the handle
        null as channel_login,
        channel_name,
        category_name,
        title,
        language,
        channel_url,
        stream_url,
        viewer_count,
        slot_at,
        started_at,
        fetched_at,
        last_loaded_at as loaded_at
    from youtube_streams

)

select * from unioned
