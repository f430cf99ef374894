with

streams as (

    select * from {{ ref('stg_twitch__streams') }}

),

channels as (

    select * from {{ ref('stg_twitch__channels') }}

),

clips as (

    select * from {{ ref('stg_twitch__clips') }}

),

categories as (

    select category_id from streams
    union
    select category_id from channels
    union
    select category_id from clips

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

    {{ sync_plan('twitch', 'games') }}

)

select * from planned
