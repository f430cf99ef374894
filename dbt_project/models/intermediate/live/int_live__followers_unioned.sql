with

twitch_followers as (

    select * from {{ ref('stg_twitch__followers') }}

),

-- Kick tells no number of followers
youtube_channels as (

    select * from {{ ref('stg_youtube__channels') }}
    where follower_count is not null

),

unioned as (

    select
        platform,
        channel_id,
        follower_count,
        slot_at,
        loaded_at
    from twitch_followers
    union all
    select
        platform,
        channel_id,
        follower_count,
        slot_at,
        loaded_at
    from youtube_channels

)

select * from unioned
