with

channels as (

    select * from {{ ref('int_live__channels_seen') }}
    where platform = 'kick'

),

units as (

    select
        channel_id as unit_id,
        age_class,
        viewer_count as weight
    from channels

),

planned as (

    {{ sync_plan('kick', 'channels') }}

)

select * from planned
