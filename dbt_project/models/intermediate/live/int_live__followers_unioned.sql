with

twitch_followers as (

    select * from {{ ref('stg_twitch__followers') }}

),

unioned as (

    select
        platform,
        channel_id,
        follower_count,
        slot_at,
        loaded_at
    from twitch_followers

)

select * from unioned
