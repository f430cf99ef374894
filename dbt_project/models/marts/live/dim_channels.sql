{{
    config(
        indexes=[
            {'columns': ['platform', 'channel_id'], 'unique': true},
            {'columns': ['channel_login']},
        ]
    )
}}

with

versions as (

    select * from {{ ref('dim_channels_history') }}
    where is_current

),

streamed as (

    select * from {{ ref('int_live__channels_streamed') }}

),

set_channels as (

    select * from {{ ref('int_live__channels_set') }}

),

described as (

    select * from {{ ref('int_live__channels_described') }}

),

counted as (

    select * from {{ ref('int_live__channels_counted') }}

),

-- what asks for all channels of a platform one by one finds those that are gone
states as (

    select
        source as platform,
        unit_id as channel_id,
        status,
        last_success_at
    from {{ ref('stg_ops__sync_log') }}
    where
        (source = 'twitch' and resource = 'users')
        or (source in ('kick', 'youtube') and resource = 'channels')

),

joined as (

    select
        versions.platform,
        versions.channel_id,
        versions.channel_login,
        versions.channel_name,
        versions.broadcaster_type,
        described.description,
        described.profile_image_url,
        -- a channel that was set up anew since it was last live tells by /channels what comes next
        coalesce(set_channels.fetched_at > streamed.last_seen_live_at, streamed.channel_id is null)
            as is_set_since_live,
        set_channels.category_id as set_category_id,
        set_channels.title as set_title,
        set_channels.language as set_language,
        streamed.category_id as live_category_id,
        streamed.title as live_title,
        streamed.language as live_language,
        counted.follower_count,
        coalesce(streamed.stream_count, 0) as stream_count,
        coalesce(states.status = 'absent', false)
        and coalesce(states.last_success_at > streamed.last_seen_live_at, true) as is_gone,
        described.created_at,
        streamed.first_seen_live_at,
        streamed.last_seen_live_at,
        counted.fetched_at as followers_fetched_at
    from versions
    left join streamed
        on versions.platform = streamed.platform and versions.channel_id = streamed.channel_id
    left join set_channels
        on versions.platform = set_channels.platform and versions.channel_id = set_channels.channel_id
    left join described
        on versions.platform = described.platform and versions.channel_id = described.channel_id
    left join counted
        on versions.platform = counted.platform and versions.channel_id = counted.channel_id
    left join states
        on versions.platform = states.platform and versions.channel_id = states.channel_id

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
        followers_fetched_at
    from joined

)

select * from final
