{{
    config(
        materialized='incremental',
        unique_key=['platform', 'video_id'],
        indexes=[
            {'columns': ['platform', 'video_id'], 'unique': true},
            {'columns': ['platform', 'channel_id', 'published_at']},
            {'columns': ['platform', 'stream_id']},
        ]
    )
}}

{%- call touched_keys() %}
    select platform, video_id from {{ ref('stg_twitch__videos') }} where {{ is_new() }}
{%- endcall %}

with

observations as (

    select observations.* from {{ ref('stg_twitch__videos') }} as observations
    where {{ is_touched('observations') }}

),

ranked as (

    select
        *,
        row_number() over (partition by platform, video_id order by observed_on desc) as recency,
        count(*) over (partition by platform, video_id) as observation_count,
        min(observed_on) over (partition by platform, video_id) as first_observed_on,
        first_value(view_count) over (partition by platform, video_id order by observed_on) as first_view_count,
        max(loaded_at) over (partition by platform, video_id) as last_loaded_at
    from observations

),

final as (

    select
        platform,
        video_id,
        stream_id,
        channel_id,
        title,
        description,
        video_type,
        language,
        url,
        thumbnail_url,
        duration_seconds,
        view_count,
        view_count - first_view_count as views_gained,
        observation_count,
        is_public,
        first_observed_on,
        observed_on as last_observed_on,
        created_at,
        published_at,
        fetched_at,
        last_loaded_at as loaded_at
    from ranked
    where recency = 1

)

select * from final
