with

{%- set columns = ['platform', 'channel_id', 'description', 'profile_image_url', 'slot_at', 'created_at'] %}

users as (

    select * from {{ ref('stg_twitch__users') }}

),

-- Kick tells neither a picture nor when the account was made, YouTube no picture
kick_channels as (

    select
        *,
        cast(null as {{ dbt.type_string() }}) as profile_image_url,
        cast(null as {{ dbt.type_timestamp() }}) as created_at
    from {{ ref('stg_kick__channels') }}

),

youtube_channels as (

    select
        *,
        cast(null as {{ dbt.type_string() }}) as profile_image_url
    from {{ ref('stg_youtube__channels') }}

),

unioned as (

    {%- for channels in ['users', 'kick_channels', 'youtube_channels'] %}

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
