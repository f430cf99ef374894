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
        {{ days_from('declared.since_day', 'clock.now_at') }} as day
    from declared
    cross join clock
    union
    select
        logged.client,
        logged.route,
        logged.day
    from logged

),

days as (

    select
        wanted.client,
        wanted.route,
        wanted.day,
        declared.trailing_days,
        cast({{ dbt.dateadd('day', 1, 'wanted.day') }} as timestamp) as ends_at,
        cast(
            {{ dbt.dateadd('day', 'cast(1 + declared.trailing_days as int)', 'wanted.day') }} as timestamp
        ) as settles_at
    from wanted
    inner join declared on wanted.client = declared.client and wanted.route = declared.route

),

final as (

    select
        days.client || '/' || days.route || '/' || cast(days.day as {{ dbt.type_string() }}) as unit_id,
        days.client,
        days.route,
        days.day,
        case
            when logged.complete_as_of >= days.settles_at then 'complete'
            when clock.now_at < days.ends_at then 'open'
            when logged.complete_as_of is null and coalesce(logged.last_rows, 0) = 0 then 'missing'
            when coalesce(logged.complete_as_of < days.ends_at, true) then 'partial'
            when clock.now_at < days.settles_at then 'open'
            else 'partial'
        end as state,
        logged.status,
        days.trailing_days,
        coalesce(logged.failures, 0) as failures,
        coalesce(logged.last_rows, 0) as last_rows,
        clock.now_at < days.ends_at as is_today,
        days.ends_at,
        days.settles_at,
        logged.complete_as_of,
        logged.last_success_at,
        logged.last_attempt_at
    from days
    cross join clock
    left join logged on days.client = logged.client and days.route = logged.route and days.day = logged.day

)

select * from final
