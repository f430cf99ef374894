{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        on_schema_change='append_new_columns',
        unique_key=['platform', 'slot_at'],
        pre_hook="{{ plan_full_build() }}",
        indexes=[
            {'columns': ['slot_at', 'platform', 'category_id'], 'unique': true},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

{%- if is_incremental() %}

touched as (

    select distinct
        platform,
        slot_at
    from {{ ref('int_live__stream_snapshots_unioned') }}
    where {{ unseen() }}

),

{%- endif %}

snapshots as (

    select snapshots.*
    from {{ ref('int_live__stream_snapshots_unioned') }} as snapshots
    {%- if is_incremental() %}
        inner join touched on snapshots.platform = touched.platform and snapshots.slot_at = touched.slot_at
    where snapshots.slot_at >= {{ earliest_unseen(ref('int_live__stream_snapshots_unioned'), 'slot_at') }}
    {%- endif %}

),

category_slots as (

    select
        platform,
        slot_at,
        -- a key holds no null
        coalesce(category_id, '') as category_id,
        max(category_name) as category_name,
        count(*) as stream_count,
        count(viewer_count) as counted_streams,
        cast(sum(viewer_count) as bigint) as viewer_count,
        max(loaded_at) as loaded_at
    from snapshots
    group by platform, slot_at, coalesce(category_id, '')

)

select * from category_slots
