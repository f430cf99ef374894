{{
    config(
        materialized='incremental',
        unique_key=['platform', 'stream_id', 'slot_at'],
        meta={'changes': ['platform', 'stream_id', 'channel_id', 'slot_at']},
        indexes=[
            {'columns': ['platform', 'stream_id', 'slot_at'], 'unique': true},
            {'columns': ['platform', 'channel_id', 'slot_at']},
            {'columns': ['platform', 'category_id']},
            {'columns': ['slot_at']},
        ]
    )
}}

{%- call touched_keys() %}
{%- for videos in ['stg_twitch__streams', 'stg_kick__livestreams', 'stg_youtube__videos'] %}
    select platform, stream_id, slot_at from {{ ref(videos) }} where {{ is_new() }}
    union all
{%- endfor %}
    select named.platform, named.stream_id, named.slot_at
    from {{ ref('stg_youtube__videos') }} as named
    inner join {{ changes_of('int_live__youtube_categories_named') }} as changed on named.category_id = changed.category_id
{%- endcall %}

with

snapshots as (

    select snapshots.* from {{ ref('int_live__stream_snapshots_unioned') }} as snapshots
    where
        {{ is_touched('snapshots') }}
        and snapshots.slot_at >= {{ earliest('select min(slot_at) from ' ~ touched()) }}

),

youtube_categories as (

    select * from {{ ref('int_live__youtube_categories_named') }}

),

final as (

    select
        snapshots.platform,
        snapshots.stream_id,
        snapshots.channel_id,
        snapshots.category_id,
        snapshots.channel_login,
        snapshots.channel_name,
        coalesce(snapshots.category_name, youtube_categories.category_name) as category_name,
        snapshots.title,
        snapshots.language,
        snapshots.viewer_count,
        snapshots.slot_at,
        snapshots.started_at,
        snapshots.fetched_at,
        snapshots.loaded_at
    from snapshots
    left join youtube_categories
        on snapshots.platform = 'youtube' and snapshots.category_id = youtube_categories.category_id

)

select * from final
