with

units as (

    select
        'categories' as unit_id,
        'known' as age_class,
        0 as weight

),

planned as (

    {{ sync_plan('youtube', 'categories') }}

)

select * from planned
