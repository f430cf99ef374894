with

raw_rows as (

    {{ completed_rows('raw_twitch', 'users') }}

),

renamed as (

    select
        -- ids
        'twitch' as platform,
        id as channel_id,
        request_id,

        -- text
        nullif(login, '') as channel_login,
        nullif(display_name, '') as channel_name,
        nullif(type, '') as user_type,
        coalesce(nullif(broadcaster_type, ''), 'none') as broadcaster_type,
        nullif(description, '') as description,
        nullif(profile_image_url, '') as profile_image_url,
        nullif(offline_image_url, '') as offline_image_url,

        -- timestamps
        created_at,
        slot_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
