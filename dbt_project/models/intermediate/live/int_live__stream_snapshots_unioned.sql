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

youtube_categories as (

    select * from {{ ref('int_live__youtube_categories_named') }}

),

youtube_streams as (

    select
        youtube_videos.*,
        youtube_categories.category_name,
        -- only /channels tells the handle
        cast(null as {{ dbt.type_string() }}) as channel_login
    from youtube_videos
    left join youtube_categories on youtube_videos.category_id = youtube_categories.category_id

),

unioned as (

    {%- for streams in ['twitch_streams', 'kick_livestreams', 'youtube_streams'] %}

    select {{ columns | join(', ') }} from {{ streams }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select * from unioned
