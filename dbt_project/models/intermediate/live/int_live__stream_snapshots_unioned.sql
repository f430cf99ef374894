with

{%- set columns = [
    'platform', 'stream_id', 'channel_id', 'category_id', 'channel_login', 'channel_name', 'category_name', 'title', 'language',
    'channel_url', 'stream_url', 'viewer_count', 'slot_at', 'started_at', 'fetched_at', 'loaded_at',
] %}

twitch_streams as (

    select * from {{ ref('stg_twitch__streams') }}

),

kick_livestreams as (

    select * from {{ ref('stg_kick__livestreams') }}

),

youtube_videos as (

    select * from {{ ref('stg_youtube__videos') }}
    where is_live

),

-- only /channels tells the handle, and only /videoCategories the category's name
youtube_streams as (

    select
        *,
        cast(null as {{ dbt.type_string() }}) as channel_login,
        cast(null as {{ dbt.type_string() }}) as category_name
    from youtube_videos

),

unioned as (

    {%- for streams in ['twitch_streams', 'kick_livestreams', 'youtube_streams'] %}

    select {{ columns | join(', ') }} from {{ streams }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select * from unioned
