{{
    config(
        materialized='incremental',
        unique_key=['platform', 'clip_id'],
        indexes=[
            {'columns': ['platform', 'clip_id'], 'unique': true},
            {'columns': ['platform', 'channel_id', 'created_at']},
        ]
    )
}}

{%- call touched_keys() %}
    select platform, clip_id from {{ ref('stg_twitch__clips') }} where {{ is_new() }}
{%- endcall %}

with

observations as (

    select observations.* from {{ ref('stg_twitch__clips') }} as observations
    where {{ is_touched('observations') }}

),

ranked as (

    select
        *,
        row_number() over (partition by platform, clip_id order by observed_on desc) as recency,
        count(*) over (partition by platform, clip_id) as observation_count,
        min(observed_on) over (partition by platform, clip_id) as first_observed_on,
        first_value(view_count) over (partition by platform, clip_id order by observed_on) as first_view_count,
        max(loaded_at) over (partition by platform, clip_id) as last_loaded_at
    from observations

),

final as (

    select
        platform,
        clip_id,
        channel_id,
        creator_id,
        video_id,
        category_id,
        creator_name,
        title,
        language,
        url,
        thumbnail_url,
        duration_seconds,
        vod_offset_seconds,
        view_count,
        view_count - first_view_count as views_gained,
        observation_count,
        is_featured,
        first_observed_on,
        observed_on as last_observed_on,
        created_at,
        fetched_at,
        last_loaded_at as loaded_at
    from ranked
    where recency = 1

)

select * from final
