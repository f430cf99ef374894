with

raw_rows as (

    {{ completed_rows('raw_ops', 'quarantine') }}

),

renamed as (

    select
        -- ids
        source,
        resource,
        content_hash,
        request_id,
        run_id,

        -- text
        payload,
        cast(context as {{ dbt.type_string() }}) as context,
        reason,

        -- timestamps
        fetched_at,
        replayed_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
