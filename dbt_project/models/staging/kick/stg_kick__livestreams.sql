with

raw_rows as (

    {{ completed_rows('raw_kick', 'livestreams') }}

),

renamed as (

    select
        -- ids
        'kick' as platform,
        id as stream_id,
        cast(broadcaster_user_id as {{ dbt.type_string() }}) as channel_id,
        cast(nullif(category_id, 0) as {{ dbt.type_string() }}) as category_id,
        request_id,

        -- text
        nullif(channel_slug, '') as channel_login,
        nullif(broadcaster_username, '') as channel_name,
        nullif(category_name, '') as category_name,
        nullif(title, '') as title,
        -- the language of a code such as pt-BR, as other platforms give it
        nullif(lower(split_part(language_code, '-', 1)), '') as language,
        nullif(language_code, '') as language_code,
        tags,
        nullif(thumbnail, '') as thumbnail_url,
        nullif(broadcaster_profile_picture, '') as profile_image_url,
        'https://kick.com/' || nullif(channel_slug, '') as channel_url,
        'https://kick.com/' || nullif(channel_slug, '') as stream_url,

        -- numerics
        nullif(viewer_count, 0) as viewer_count,

        -- booleans
        has_mature_content as is_mature,

        -- timestamps
        slot_at,
        started_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
