with

streams as (

    select * from {{ ref('stg_kick__livestreams') }}

),

channels as (

    select * from {{ ref('stg_kick__channels') }}

),

categories as (

    select category_id from streams
    union
    select category_id from channels

),

units as (

    select
        category_id as unit_id,
        'known' as age_class,
        0 as weight
    from categories
    where category_id is not null

),

planned as (

    {{ sync_plan('kick', 'categories') }}

)

select * from planned
