{{
    config(
        materialized='incremental',
        unique_key=['client', 'route', 'content_hash'],
        indexes=[
            {'columns': ['client', 'route', 'content_hash'], 'unique': true},
            {'columns': ['client', 'route', 'record_key']},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

payloads as (

    select * from {{ ref('stg_atlas__payloads') }}
    where {{ unseen() }}

),

final as (

    select
        client,
        route,
        content_hash,
        record_key,
        day,
        payload_text,
        payload,
        is_exact,
        page_number,
        request_id,
        fetched_at,
        loaded_at
    from payloads

)

select * from final
