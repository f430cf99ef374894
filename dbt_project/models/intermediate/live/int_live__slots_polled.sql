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
        max(greatest(started_at, finished_at)) as finished_at,
        sum(rows) as row_count,
        bool_and(is_complete) as is_complete,
        max(loaded_at) as loaded_at
    from polls
    group by source, slot_at

)

select * from slots
