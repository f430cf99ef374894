with

quarantine as (

    select * from {{ ref('stg_ops__quarantine') }}

),

final as (

    select
        source,
        resource,
        content_hash,
        request_id,
        run_id,
        reason,
        payload,
        context,
        replayed_at is not null as is_replayed,
        fetched_at,
        replayed_at
    from quarantine

)

select * from final
