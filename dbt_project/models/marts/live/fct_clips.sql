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

with

new_observations as (

    select * from {{ ref('stg_twitch__clips') }}
    where {{ unseen() }}

),

observations as (

    select * from {{ ref('stg_twitch__clips') }}

),

touched as (

    select distinct
        platform,
        clip_id
    from new_observations

),

ranked as (

    select
        observations.*,
        row_number() over (
            partition by observations.platform, observations.clip_id order by observations.observed_on desc
        ) as recency,
        count(*) over (partition by observations.platform, observations.clip_id) as observation_count,
        min(observations.observed_on) over (
            partition by observations.platform, observations.clip_id
        ) as first_observed_on,
        first_value(observations.view_count) over (
            partition by observations.platform, observations.clip_id order by observations.observed_on
        ) as first_view_count,
        max(observations.loaded_at) over (
            partition by observations.platform, observations.clip_id
        ) as last_loaded_at
    from observations
    inner join touched on observations.platform = touched.platform and observations.clip_id = touched.clip_id

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
