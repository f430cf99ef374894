with

twitch_streams as (

    select * from {{ ref('stg_twitch__streams') }}

),

kick_livestreams as (

    select * from {{ ref('stg_kick__livestreams') }}

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

)

select * from unioned
