with

raw_rows as (

    {{ completed_rows('raw_atlas', 'payloads') }}

),

renamed as (

    select
        -- ids
        client,
        route,
        record_key,
        content_hash,
        request_id,

        -- text
        payload as payload_text,
        {{ as_json('coalesce(payload_fit, payload)') }} as payload,

        -- numerics
        page as page_number,

        -- booleans
        payload_fit is null as is_exact,

        -- timestamps
        period as day,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
