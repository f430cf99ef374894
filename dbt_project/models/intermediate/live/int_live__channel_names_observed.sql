with

{%- set columns = [
    'platform', 'channel_id', 'endpoint', 'row_id', 'channel_login', 'channel_name', 'broadcaster_type', 'slot_at', 'fetched_at',
] %}

snapshots as (

    select
        *,
        'streams' as endpoint,
        stream_id as row_id,
        cast(null as {{ dbt.type_string() }}) as broadcaster_type
    from {{ ref('fct_stream_snapshots') }}

),

users as (

    select
        *,
        'users' as endpoint,
        channel_id as row_id
    from {{ ref('stg_twitch__users') }}

),

{%- for channels in ['twitch_channels', 'youtube_channels'] %}

{{ channels }} as (

    select
        *,
        'channels' as endpoint,
        channel_id as row_id,
        cast(null as {{ dbt.type_string() }}) as broadcaster_type
    from {{ ref('stg_' ~ channels.replace('_', '__')) }}

),
{%- endfor %}

observed as (

    {%- for told in ['snapshots', 'users', 'twitch_channels', 'youtube_channels'] %}

    select {{ columns | join(', ') }} from {{ told }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select * from observed
