with

{%- set columns = ['platform', 'channel_id', 'follower_count', 'slot_at', 'fetched_at'] %}

twitch_followers as (

    select * from {{ ref('stg_twitch__followers') }}

),

-- Kick tells no number of followers
youtube_channels as (

    select * from {{ ref('stg_youtube__channels') }}

),

unioned as (

    {%- for followers in ['twitch_followers', 'youtube_channels'] %}

    select {{ columns | join(', ') }} from {{ followers }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select * from unioned
