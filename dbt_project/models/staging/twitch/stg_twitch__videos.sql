with

raw_rows as (

    {{ completed_rows('raw_twitch', 'videos') }}

),

renamed as (

    select
        -- ids
        'twitch' as platform,
        id as video_id,
        nullif(stream_id, '') as stream_id,
        user_id as channel_id,
        request_id,

        -- text
        nullif(user_login, '') as channel_login,
        nullif(user_name, '') as channel_name,
        nullif(title, '') as title,
        nullif(description, '') as description,
        type as video_type,
        language,
        url,
        nullif(thumbnail_url, '') as thumbnail_url,
        muted_segments,

        -- numerics
        view_count,
        {{ duration_seconds('duration') }} as duration_seconds,

        -- booleans
        viewable = 'public' as is_public,

        -- dates and timestamps
        observed_on,
        created_at,
        published_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
