with

sync_log as (

    select * from {{ ref('stg_ops__sync_log') }}

),

clock as (

    select * from {{ ref('stg_ops__clock') }}

),

aged as (

    select
        sync_log.source,
        sync_log.resource,
        sync_log.unit_id,
        sync_log.status,
        sync_log.failures,
        sync_log.rows as last_rows,
        sync_log.bookmark,
        -- greatest() ignores nulls, and never answered is not answered just now
        case
            when sync_log.last_success_at is not null
                then greatest(0, {{ seconds_between('sync_log.last_success_at', 'clock.now_at') }})
        end as age_seconds,
        {{ seconds_between('sync_log.last_attempt_at', 'clock.now_at') }} as waited_seconds,
        -- 15 minutes, doubled by each further failure; 2^12 of them is beyond any maximum age
        case
            when sync_log.failures > 0 then 900 * cast(power(2, least(sync_log.failures - 1, 12)) as bigint)
            else 0
        end as backoff_seconds,
        sync_log.last_success_at,
        sync_log.last_attempt_at,
        sync_log.synced_until
    from sync_log
    cross join clock

)

select * from aged
