{{
    config(
        materialized='incremental',
        unique_key=['platform', 'channel_id'],
        meta={'changes': ['platform', 'channel_id', 'day']},
        indexes=[
            {'columns': ['platform', 'channel_id', 'day'], 'unique': true},
            {'columns': ['day']},
        ]
    )
}}

{%- call touched_keys() %}
    select platform, channel_id from {{ ref('stg_twitch__followers') }} where {{ is_new() }}
    union all
    select platform, channel_id from {{ ref('stg_youtube__channels') }} where {{ is_new() }}
{%- endcall %}

with

followers as (

    select followers.* from {{ ref('int_live__followers_unioned') }} as followers
    where {{ is_touched('followers') }}

),

days as (

    select
        platform,
        channel_id,
        cast(slot_at as date) as day,
        {{ latest_bigint('follower_count', 'slot_at') }} as follower_count
    from followers
    where follower_count is not null
    group by platform, channel_id, cast(slot_at as date)

),

final as (

    select
        platform,
        channel_id,
        day,
        follower_count,
        follower_count - lag(follower_count) over (
            partition by platform, channel_id order by day
        ) as follower_gain
    from days

)

select * from final
