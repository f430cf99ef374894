with

resources as (

    select * from {{ ref('fct_run_resources') }}

),

quarantine as (

    select * from {{ ref('fct_quarantine') }}

),

ranked as (

    select
        *,
        row_number() over (partition by source, resource order by started_at desc, run_id desc) as recency
    from resources

),

health as (

    select
        source,
        resource,
        max(case when status = 'succeeded' then started_at end) as last_success_at,
        max(case when recency = 1 then status end) as last_status,
        max(case when recency = 1 then started_at end) as last_run_at,
        count(case when recency <= 10 then 1 end) as recent_run_count,
        cast(sum(case when recency <= 10 then units_succeeded end) as double precision)
        / nullif(sum(case when recency <= 10 then units_requested end), 0) as recent_success_rate,
        cast(sum(case when recency <= 10 then rows_loaded end) as bigint) as recent_rows_loaded,
        cast(sum(rows_loaded) as bigint) as rows_loaded
    from ranked
    group by source, resource

),

refused as (

    select
        source,
        resource,
        count(*) as quarantined_count
    from quarantine
    where not is_replayed
    group by source, resource

),

final as (

    select
        health.source,
        health.resource,
        health.last_status,
        health.recent_run_count,
        health.recent_success_rate,
        health.recent_rows_loaded,
        health.rows_loaded,
        coalesce(refused.quarantined_count, 0) as quarantined_count,
        health.last_run_at,
        health.last_success_at
    from health
    left join refused on health.source = refused.source and health.resource = refused.resource

)

select * from final
