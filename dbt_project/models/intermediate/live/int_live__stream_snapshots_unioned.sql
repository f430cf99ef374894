with

twitch_streams as (

    select * from {{ ref('stg_twitch__streams') }}

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
        viewer_count,
        slot_at,
        started_at,
        fetched_at,
        loaded_at
    from twitch_streams

)

select * from unioned
