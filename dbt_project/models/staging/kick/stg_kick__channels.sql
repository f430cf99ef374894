with

raw_rows as (

    {{ completed_rows('raw_kick', 'channels') }}

),

renamed as (

    select
        -- ids
        'kick' as platform,
        cast(broadcaster_user_id as {{ dbt.type_string() }}) as channel_id,
        cast(nullif(category_id, 0) as {{ dbt.type_string() }}) as category_id,
        request_id,

        -- text
        nullif(slug, '') as channel_login,
        nullif(category_name, '') as category_name,
        nullif(stream_title, '') as title,
        nullif(lower(split_part(stream_language, '-', 1)), '') as language,
        nullif(stream_language, '') as language_code,
        nullif(channel_description, '') as description,
        nullif(banner_picture, '') as banner_image_url,
        stream_custom_tags as tags,

        -- numerics
        active_subscribers_count as subscriber_count,
        active_gifted_subscribers_count as gifted_subscriber_count,
        canceled_subscribers_count as cancelled_subscriber_count,

        -- booleans
        stream_is_live as is_live,
        stream_is_mature as is_mature,

        -- timestamps
        slot_at,
        stream_start_time as stream_started_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
