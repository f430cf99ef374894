with

snapshots as (

    select * from {{ ref('int_live__stream_snapshots_unioned') }}

),

users as (

    select * from {{ ref('stg_twitch__users') }}

),

channels as (

    select * from {{ ref('stg_twitch__channels') }}

),

youtube_channels as (

    select * from {{ ref('stg_youtube__channels') }}

),

observed as (

    select
        platform,
        channel_id,
        'streams' as endpoint,
        stream_id as row_id,
        channel_login,
        channel_name,
        cast(null as {{ dbt.type_string() }}) as broadcaster_type,
        slot_at,
        fetched_at,
        loaded_at
    from snapshots
    union all
    select
        platform,
        channel_id,
        'users' as endpoint,
        channel_id as row_id,
        channel_login,
        channel_name,
        broadcaster_type,
        slot_at,
        fetched_at,
        loaded_at
    from users
    union all
    select
        platform,
        channel_id,
        'channels' as endpoint,
        channel_id as row_id,
        channel_login,
        channel_name,
        null as broadcaster_type,
        slot_at,
        fetched_at,
        loaded_at
    from channels
    union all
    select
        platform,
        channel_id,
        'channels' as endpoint,
        channel_id as row_id,
        channel_login,
        channel_name,
        null as broadcaster_type,
        slot_at,
        fetched_at,
        loaded_at
    from youtube_channels

)

select * from observed
