{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        on_schema_change='append_new_columns',
        unique_key=['platform', 'channel_id'],
        indexes=[
            {'columns': ['platform', 'channel_id', 'day'], 'unique': true},
            {'columns': ['day']},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

{%- if is_incremental() %}

touched as (

    select distinct
        platform,
        channel_id
    from {{ ref('int_live__followers_unioned') }}
    where {{ unseen() }}

),

{%- endif %}

followers as (

    select followers.*
    from {{ ref('int_live__followers_unioned') }} as followers
    {%- if is_incremental() %}
        inner join touched
            on followers.platform = touched.platform and followers.channel_id = touched.channel_id
    {%- else %}
    where {{ unseen() }}
    {%- endif %}

),

days as (

    select
        platform,
        channel_id,
        cast(slot_at as date) as day,
        {{ latest_bigint('follower_count', 'slot_at') }} as follower_count,
        max(loaded_at) as loaded_at
    from followers
    group by platform, channel_id, cast(slot_at as date)

),

final as (

    select
        platform,
        channel_id,
        day,
        follower_count,
        follower_count - lag(follower_count) over (channel_days) as follower_gain,
        greatest(loaded_at, lag(loaded_at) over (channel_days)) as loaded_at
    from days
    window channel_days as (partition by platform, channel_id order by day)

)

select * from final
