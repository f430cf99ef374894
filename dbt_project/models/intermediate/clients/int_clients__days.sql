with

jobs as (

    select * from {{ ref('stg_atlas__jobs') }}

),

sync_log as (

    select * from {{ ref('int_ops__sync_log_aged') }}
    where source = 'atlas' and resource = 'payloads'

),

clock as (

    select * from {{ ref('stg_ops__clock') }}

),

newest as (

    select max(declared_at) as declared_at from jobs

),

-- what the last run found declared
declared as (

    select jobs.*
    from jobs
    inner join newest on jobs.declared_at = newest.declared_at

),

logged as (

    select
        split_part(unit_id, '/', 1) as client,
        split_part(unit_id, '/', 2) as route,
        cast(split_part(unit_id, '/', 3) as date) as day,
        status,
        failures,
        last_rows,
        last_success_at,
        last_attempt_at,
        synced_until as complete_as_of
    from sync_log

),

-- all days that are to be collected, and others that once were asked for
wanted as (

    select
        declared.client,
        declared.route,
        {{ days_from('declared.since_day', 'clock.now_at') }} as day,
        null as status,
        null as failures,
        null as last_rows,
        null as last_success_at,
        null as last_attempt_at,
        null as complete_as_of
    from declared
    cross join clock
    union all
    select
        logged.client,
        logged.route,
        logged.day,
        logged.status,
        logged.failures,
        logged.last_rows,
        logged.last_success_at,
        logged.last_attempt_at,
        logged.complete_as_of
    from logged

),

-- both put together by grouping: a planner that takes either for small would join them row by row
days as (

    select
        client,
        route,
        day,
        max(status) as status,
        coalesce(max(failures), 0) as failures,
        coalesce(max(last_rows), 0) as last_rows,
        max(last_success_at) as last_success_at,
        max(last_attempt_at) as last_attempt_at,
        max(complete_as_of) as complete_as_of
    from wanted
    group by client, route, day

),

dated as (

    select
        days.*,
        declared.trailing_days,
        cast({{ dbt.dateadd('day', 1, 'days.day') }} as timestamp) as ends_at,
        cast(
            {{ dbt.dateadd('day', 'cast(1 + declared.trailing_days as int)', 'days.day') }} as timestamp
        ) as settles_at
    from days
    inner join declared on days.client = declared.client and days.route = declared.route

),

final as (

    select
        dated.client || '/' || dated.route || '/' || cast(dated.day as {{ dbt.type_string() }}) as unit_id,
        dated.client,
        dated.route,
        dated.day,
        case
            when dated.complete_as_of >= dated.settles_at then 'complete'
            when clock.now_at < dated.ends_at then 'open'
            when dated.complete_as_of is null and dated.last_rows = 0 then 'missing'
            when coalesce(dated.complete_as_of < dated.ends_at, true) then 'partial'
            when clock.now_at < dated.settles_at then 'open'
            else 'partial'
        end as state,
        dated.status,
        dated.trailing_days,
        dated.failures,
        dated.last_rows,
        clock.now_at < dated.ends_at as is_today,
        dated.ends_at,
        dated.settles_at,
        dated.complete_as_of,
        dated.last_success_at,
        dated.last_attempt_at
    from dated
    cross join clock

)

select * from final
