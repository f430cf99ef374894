with

polls as (

    select * from {{ ref('stg_ops__polls') }}
    where resource in ('streams', 'livestreams') or (source = 'youtube' and resource = 'videos')

),

slots as (

    select
        source as platform,
        slot_at,
        min(started_at) as started_at,
        sum(rows) as row_count,
        bool_and(is_complete) as is_complete
    from polls
    group by source, slot_at

)

select * from slots
