{{
    config(
        materialized='incremental',
        unique_key=['platform', 'stream_id', 'slot_at'],
        indexes=[
            {'columns': ['platform', 'stream_id', 'slot_at'], 'unique': true},
            {'columns': ['platform', 'channel_id', 'slot_at']},
            {'columns': ['platform', 'category_id']},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

snapshots as (

    select * from {{ ref('int_live__stream_snapshots_unioned') }}
    where {{ unseen() }}

),

final as (

    select
        platform,
        stream_id,
        channel_id,
        category_id,
        channel_login,
        channel_name,
        category_name,
        title,
        language,
        viewer_count,
        slot_at,
        started_at,
        fetched_at,
        loaded_at
    from snapshots

)

select * from final
