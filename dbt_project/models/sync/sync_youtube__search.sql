with

units as (

    select
        'live' as unit_id,
        'live' as age_class,
        0 as weight

),

planned as (

    {{ sync_plan('youtube', 'search') }}

)

select * from planned
