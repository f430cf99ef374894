with

stages as (

    select * from {{ ref('stg_ops__run_stages') }}

),

final as (

    select
        run_id,
        stage,
        position,
        status,
        message,
        seconds,
        seconds / nullif(sum(seconds) over (partition by run_id), 0) as share_of_run,
        rows,
        started_at,
        finished_at
    from stages

)

select * from final
