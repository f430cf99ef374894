with

raw_rows as (

    {{ completed_rows('raw_youtube', 'channels') }}

),

renamed as (

    select
        -- ids
        'youtube' as platform,
        id as channel_id,
        request_id,

        -- text
        nullif(custom_url, '') as channel_login,
        nullif(title, '') as channel_name,
        nullif(description, '') as description,
        nullif(country, '') as country_code,
        thumbnails,
        'https://www.youtube.com/channel/' || id as channel_url,

        -- numerics
        case when not coalesce(hidden_subscriber_count, false) then subscriber_count end as follower_count,
        view_count,
        video_count,

        -- timestamps
        published_at as created_at,
        slot_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
