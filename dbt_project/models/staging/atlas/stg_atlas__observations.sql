with

raw_rows as (

    {{ completed_rows('raw_atlas', 'observations') }}

),

renamed as (

    select
        -- ids
        client,
        route,
        record_key,
        content_hash,
        request_id,

        -- timestamps
        period as day,
        seen_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
