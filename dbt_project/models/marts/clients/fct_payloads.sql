{{
    config(
        materialized='incremental',
        unique_key=['client', 'route', 'content_hash'],
        indexes=[
            {'columns': ['client', 'route', 'content_hash'], 'unique': true},
            {'columns': ['client', 'route', 'record_key']},
        ]
    )
}}

{%- call touched_keys() %}
    select client, route, content_hash from {{ ref('stg_atlas__payloads') }} where {{ is_new() }}
{%- endcall %}

with

payloads as (

    select payloads.* from {{ ref('stg_atlas__payloads') }} as payloads
    where {{ is_touched('payloads') }}

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
