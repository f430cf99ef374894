with

streams as (

    select * from {{ ref('fct_streams') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by platform, channel_id order by last_slot_at desc, started_at desc, stream_id desc
        ) as recency
    from streams

),

final as (

    select
        platform,
        channel_id,
        max(case when recency = 1 then last_category_id end) as category_id,
        max(case when recency = 1 then last_title end) as title,
        max(case when recency = 1 then language end) as language,
        count(*) as stream_count,
        min(first_seen_at) as first_seen_live_at,
        max(last_seen_at) as last_seen_live_at
    from ranked
    group by platform, channel_id

)

select * from final
