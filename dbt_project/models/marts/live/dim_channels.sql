{{
    config(
        materialized='incremental',
        unique_key=['platform', 'channel_id'],
        indexes=[
            {'columns': ['platform', 'channel_id'], 'unique': true},
            {'columns': ['channel_login']},
        ]
    )
}}

{%- set is_new = unseen() %}

with

new_versions as (

    select * from {{ ref('dim_channels_history') }}
    where {{ is_new }}

),

new_followers as (

    select
        platform,
        channel_id
    from {{ ref('stg_twitch__followers') }}
    where {{ is_new }}
    union
    select
        platform,
        channel_id
    from {{ ref('stg_youtube__channels') }}
    where {{ is_new }}

),

new_states as (

    select * from {{ ref('stg_ops__sync_log') }}
    where
        {{ is_new }}
        and (
            (source = 'twitch' and resource = 'users')
            or (source = 'kick' and resource = 'channels')
            or (source = 'youtube' and resource = 'channels')
        )

),

versions as (

    select * from {{ ref('dim_channels_history') }}
    where is_current

),

streams as (

    select * from {{ ref('fct_streams') }}

),

twitch_users as (

    select * from {{ ref('stg_twitch__users') }}

),

twitch_channels as (

    select * from {{ ref('stg_twitch__channels') }}

),

kick_channels as (

    select * from {{ ref('stg_kick__channels') }}

),

youtube_channels as (

    select * from {{ ref('stg_youtube__channels') }}

),

twitch_followers as (

    select * from {{ ref('stg_twitch__followers') }}

),

followers as (

    select
        platform,
        channel_id,
        follower_count,
        slot_at,
        fetched_at,
        loaded_at
    from twitch_followers
    union all
    select
        platform,
        channel_id,
        follower_count,
        slot_at,
        fetched_at,
        loaded_at
    from youtube_channels

),

states as (

    select * from {{ ref('stg_ops__sync_log') }}
    where
        (source = 'twitch' and resource = 'users')
        or (source = 'kick' and resource = 'channels')
        or (source = 'youtube' and resource = 'channels')

),

users as (

    select
        platform,
        channel_id,
        description,
        profile_image_url,
        slot_at,
        created_at
    from twitch_users
    union all
    select
        platform,
        channel_id,
        description,
        null as profile_image_url,
        slot_at,
        null as created_at
    from kick_channels
    union all
    select
        platform,
        channel_id,
        description,
        null as profile_image_url,
        slot_at,
        created_at
    from youtube_channels

),

channels as (

    select
        platform,
        channel_id,
        category_id,
        title,
        language,
        slot_at,
        fetched_at
    from twitch_channels
    union all
    select
        platform,
        channel_id,
        category_id,
        title,
        language,
        slot_at,
        fetched_at
    from kick_channels

),

touched as (

    select
        platform,
        channel_id
    from new_versions
    union
    select
        platform,
        channel_id
    from new_followers
    union
    select
        source as platform,
        unit_id as channel_id
    from new_states

),

ranked_streams as (

    select
        streams.*,
        row_number() over (
            partition by streams.platform, streams.channel_id
            order by streams.last_slot_at desc, streams.started_at desc, streams.stream_id desc
        ) as recency
    from streams
    inner join touched on streams.platform = touched.platform and streams.channel_id = touched.channel_id

),

seen as (

    select
        platform,
        channel_id,
        max(case when recency = 1 then last_title end) as title,
        max(case when recency = 1 then last_category_id end) as category_id,
        max(case when recency = 1 then language end) as language,
        count(*) as stream_count,
        min(first_seen_at) as first_seen_live_at,
        max(last_seen_at) as last_seen_live_at
    from ranked_streams
    group by platform, channel_id

),

ranked_users as (

    select
        users.*,
        row_number() over (
            partition by users.platform, users.channel_id order by users.slot_at desc
        ) as recency
    from users
    inner join touched on users.platform = touched.platform and users.channel_id = touched.channel_id

),

ranked_channels as (

    select
        channels.*,
        row_number() over (
            partition by channels.platform, channels.channel_id order by channels.slot_at desc
        ) as recency
    from channels
    inner join touched on channels.platform = touched.platform and channels.channel_id = touched.channel_id

),

ranked_followers as (

    select
        followers.*,
        row_number() over (
            partition by followers.platform, followers.channel_id order by followers.slot_at desc
        ) as recency
    from followers
    inner join touched on followers.platform = touched.platform and followers.channel_id = touched.channel_id

),

joined as (

    select
        versions.platform,
        versions.channel_id,
        versions.channel_login,
        versions.channel_name,
        versions.broadcaster_type,
        ranked_users.description,
        ranked_users.profile_image_url,
        -- a channel that was set up anew since it was last live tells by /channels what comes next
        coalesce(ranked_channels.fetched_at > seen.last_seen_live_at, seen.channel_id is null) as is_set_since_live,
        ranked_channels.title as set_title,
        ranked_channels.category_id as set_category_id,
        ranked_channels.language as set_language,
        seen.title as live_title,
        seen.category_id as live_category_id,
        seen.language as live_language,
        ranked_followers.follower_count,
        coalesce(seen.stream_count, 0) as stream_count,
        coalesce(states.status = 'absent', false)
        and coalesce(states.last_success_at > seen.last_seen_live_at, true) as is_gone,
        ranked_users.created_at,
        seen.first_seen_live_at,
        seen.last_seen_live_at,
        ranked_followers.fetched_at as followers_fetched_at,
        greatest(versions.loaded_at, ranked_followers.loaded_at, states.loaded_at) as loaded_at
    from versions
    inner join touched on versions.platform = touched.platform and versions.channel_id = touched.channel_id
    left join seen on versions.platform = seen.platform and versions.channel_id = seen.channel_id
    left join ranked_users
        on
            versions.platform = ranked_users.platform
            and versions.channel_id = ranked_users.channel_id
            and ranked_users.recency = 1
    left join ranked_channels
        on
            versions.platform = ranked_channels.platform
            and versions.channel_id = ranked_channels.channel_id
            and ranked_channels.recency = 1
    left join ranked_followers
        on
            versions.platform = ranked_followers.platform
            and versions.channel_id = ranked_followers.channel_id
            and ranked_followers.recency = 1
    left join states on versions.platform = states.source and versions.channel_id = states.unit_id

),

final as (

    select
        platform,
        channel_id,
        case when is_set_since_live then set_category_id else live_category_id end as category_id,
        channel_login,
        channel_name,
        broadcaster_type,
        description,
        profile_image_url,
        case when is_set_since_live then set_title else live_title end as title,
        case when is_set_since_live then set_language else live_language end as language,
        follower_count,
        stream_count,
        is_gone,
        created_at,
        first_seen_live_at,
        last_seen_live_at,
        followers_fetched_at,
        loaded_at
    from joined

)

select * from final
