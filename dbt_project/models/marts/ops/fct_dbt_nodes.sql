with

nodes as (

    select * from {{ ref('stg_ops__dbt_nodes') }}

),

final as (

    select
        invocation_id,
        unique_id,
        run_id,
        name,
        resource_type,
        status,
        message,
        seconds,
        rows_affected,
        failures,
        status in ('success', 'pass', 'no-op') as is_success,
        completed_at
    from nodes

)

select * from final
