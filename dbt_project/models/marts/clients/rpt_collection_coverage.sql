with

days as (

    select * from {{ ref('int_clients__days') }}

),

observations as (

    select * from {{ ref('stg_atlas__observations') }}

),

counted as (

    select
        client,
        route,
        day,
        count(distinct record_key) as record_count,
        count(distinct content_hash) as content_count,
        max(seen_at) as last_change_seen_at
    from observations
    group by client, route, day

),

final as (

    select
        days.client,
        days.route,
        days.day,
        days.state,
        coalesce(counted.record_count, 0) as record_count,
        coalesce(counted.content_count, 0) as content_count,
        days.last_rows as last_read_record_count,
        days.trailing_days,
        days.failures,
        days.settles_at,
        days.complete_as_of,
        days.last_success_at,
        days.last_attempt_at,
        counted.last_change_seen_at
    from days
    left join counted on days.client = counted.client and days.route = counted.route and days.day = counted.day

)

select * from final
