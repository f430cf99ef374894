with

raw_rows as (

    {{ completed_rows('raw_youtube', 'search_results') }}

),

renamed as (

    select
        -- ids
        'youtube' as platform,
        video_id as stream_id,
        channel_id,
        request_id,

        -- text
        nullif(channel_title, '') as channel_name,
        nullif(live_broadcast_content, '') as live_broadcast_content,

        -- timestamps
        slot_at,
        published_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
