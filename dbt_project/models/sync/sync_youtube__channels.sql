with

channels as (

    select * from {{ ref('int_live__channels_seen') }}
    where platform = 'youtube'

),

units as (

    select
        channel_id as unit_id,
        age_class,
        viewer_count as weight
    from channels

),

planned as (

    {{ sync_plan('youtube', 'channels') }}

)

select * from planned
