with

{%- set columns = ['platform', 'channel_id', 'category_id', 'title', 'language', 'slot_at', 'fetched_at'] %}

twitch_channels as (

    select * from {{ ref('stg_twitch__channels') }}

),

kick_channels as (

    select * from {{ ref('stg_kick__channels') }}

),

unioned as (

    {%- for channels in ['twitch_channels', 'kick_channels'] %}

    select {{ columns | join(', ') }} from {{ channels }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

ranked as (

    select
        *,
        row_number() over (partition by platform, channel_id order by slot_at desc) as recency
    from unioned

),

latest as (

    select {{ columns | join(', ') }} from ranked
    where recency = 1

)

select * from latest
