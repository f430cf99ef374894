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

with

new_observations as (

    select * from {{ ref('stg_twitch__videos') }}
    where {{ unseen() }}

),

observations as (

    select * from {{ ref('stg_twitch__videos') }}

),

touched as (

    select distinct
        platform,
        video_id
    from new_observations

),

ranked as (

    select
        observations.*,
        row_number() over (
            partition by observations.platform, observations.video_id order by observations.observed_on desc
        ) as recency,
        count(*) over (partition by observations.platform, observations.video_id) as observation_count,
        min(observations.observed_on) over (
            partition by observations.platform, observations.video_id
        ) as first_observed_on,
        first_value(observations.view_count) over (
            partition by observations.platform, observations.video_id order by observations.observed_on
        ) as first_view_count,
        max(observations.loaded_at) over (
            partition by observations.platform, observations.video_id
        ) as last_loaded_at
    from observations
    inner join touched on observations.platform = touched.platform and observations.video_id = touched.video_id

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
