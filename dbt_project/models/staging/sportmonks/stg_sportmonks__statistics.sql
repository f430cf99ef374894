with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'statistics') }}

),

renamed as (

    select
        -- ids
        fixture_id,
        id as statistic_id,
        type_id,
        participant_id as team_id,
        request_id,

        -- text
        location as side,

        -- numerics
        value,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
