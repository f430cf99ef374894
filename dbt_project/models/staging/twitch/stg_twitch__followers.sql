with

raw_rows as (

    {{ completed_rows('raw_twitch', 'followers') }}

),

renamed as (

    select
        -- ids
        'twitch' as platform,
        broadcaster_id as channel_id,
        request_id,

        -- numerics
        total as follower_count,

        -- timestamps
        slot_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
