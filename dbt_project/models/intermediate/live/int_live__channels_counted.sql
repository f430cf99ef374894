with

followers as (

    select * from {{ ref('int_live__followers_unioned') }}

),

ranked as (

    select
        *,
        row_number() over (partition by platform, channel_id order by slot_at desc) as recency
    from followers

),

latest as (

    select
        platform,
        channel_id,
        follower_count,
        slot_at,
        fetched_at
    from ranked
    where recency = 1

)

select * from latest
