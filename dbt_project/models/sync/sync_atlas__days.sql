with

days as (

    select * from {{ ref('int_clients__days') }}

),

units as (

    select
        unit_id,
        case
            when state = 'open' and is_today then 'today'
            when state = 'open' then 'settling'
            when state = 'complete' then 'complete'
            else 'gap'
        end as age_class,
        day as weight,
        client,
        route,
        day,
        state
    from days

),

planned as (

    {{ sync_plan(
        'atlas', 'payloads', urgent="units.state in ('missing', 'partial')", columns=['client', 'route', 'day', 'state'],
    ) }}

)

select * from planned
