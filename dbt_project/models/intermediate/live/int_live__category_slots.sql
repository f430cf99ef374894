{{
    config(
        materialized='incremental',
        unique_key=['platform', 'slot_at'],
        meta={'changes': ['platform', 'slot_at', 'category_id']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['slot_at', 'platform', 'category_id'], 'unique': true}]
    )
}}

{%- call touched_keys() %}
    select platform, slot_at from {{ changes_of('fct_stream_snapshots') }} as changed
{%- endcall %}

with

snapshots as (

    select snapshots.* from {{ ref('fct_stream_snapshots') }} as snapshots
    where
        {{ is_touched('snapshots') }}
        and snapshots.slot_at >= {{ earliest('select min(slot_at) from ' ~ touched()) }}

),

final as (

    select
        platform,
        slot_at,
        -- a key holds no null
        coalesce(category_id, '') as category_id,
        max(category_name) as category_name,
        count(*) as stream_count,
        count(viewer_count) as counted_streams,
        cast(sum(viewer_count) as bigint) as viewer_count
    from snapshots
    group by platform, slot_at, coalesce(category_id, '')

)

select * from final
