with

streams as (

    select * from {{ ref('fct_streams') }}
    where is_live

),

channels as (

    select * from {{ ref('dim_channels') }}

),

ranked as (

    select
        *,
        row_number() over (order by last_viewer_count desc nulls last, platform asc, stream_id asc) as viewer_rank
    from streams

),

final as (

    select
        ranked.viewer_rank,
        ranked.platform,
        ranked.stream_id,
        ranked.channel_id,
        ranked.last_category_id as category_id,
        channels.channel_login,
        channels.channel_name,
        ranked.last_category_name as category_name,
        ranked.last_title as title,
        ranked.language,
        ranked.last_viewer_count as viewer_count,
        channels.follower_count,
        ranked.started_at,
        ranked.last_seen_at
    from ranked
    left join channels on ranked.platform = channels.platform and ranked.channel_id = channels.channel_id
    where ranked.viewer_rank <= 100

)

select * from final
