with

jobs as (

    select * from {{ ref('stg_atlas__jobs') }}

),

coverage as (

    select * from {{ ref('rpt_collection_coverage') }}

),

newest as (

    select max(declared_at) as declared_at from jobs

),

clients as (

    select
        jobs.client,
        max(jobs.base_url) as base_url,
        count(case when jobs.declared_at = newest.declared_at then 1 end) as route_count,
        min(jobs.since_day) as since_day,
        max(jobs.declared_at) as declared_at
    from jobs
    cross join newest
    group by jobs.client

),

covered as (

    select
        client,
        count(*) as day_count,
        count(case when state = 'complete' then 1 end) as complete_day_count,
        count(case when state = 'open' then 1 end) as open_day_count,
        count(case when state in ('missing', 'partial') then 1 end) as gap_day_count,
        cast(sum(record_count) as bigint) as record_count,
        max(last_success_at) as last_success_at
    from coverage
    group by client

),

final as (

    select
        clients.client,
        clients.base_url,
        clients.route_count > 0 as is_declared,
        clients.route_count,
        coalesce(covered.day_count, 0) as day_count,
        coalesce(covered.complete_day_count, 0) as complete_day_count,
        coalesce(covered.open_day_count, 0) as open_day_count,
        coalesce(covered.gap_day_count, 0) as gap_day_count,
        coalesce(covered.record_count, 0) as record_count,
        clients.since_day,
        clients.declared_at,
        covered.last_success_at
    from clients
    left join covered on clients.client = covered.client

)

select * from final
