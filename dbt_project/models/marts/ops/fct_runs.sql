with

runs as (

    select * from {{ ref('stg_ops__runs') }}

),

resources as (

    select * from {{ ref('stg_ops__run_resources') }}

),

loaded as (

    select
        run_id,
        count(*) as resource_count,
        cast(sum(rows_loaded) as bigint) as rows_loaded,
        cast(sum(rows_quarantined) as bigint) as rows_quarantined
    from resources
    group by run_id

),

final as (

    select
        runs.run_id,
        runs.command,
        runs.job,
        runs.status,
        runs.data_kind,
        runs.target,
        runs.error,
        runs.next_step,
        runs.settings,
        runs.versions,
        runs.host,
        runs.pid,
        runs.exit_code,
        runs.seconds,
        coalesce(loaded.resource_count, 0) as resource_count,
        coalesce(loaded.rows_loaded, 0) as rows_loaded,
        coalesce(loaded.rows_quarantined, 0) as rows_quarantined,
        runs.started_at,
        runs.finished_at
    from runs
    left join loaded on runs.run_id = loaded.run_id

)

select * from final
