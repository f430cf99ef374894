with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'scores') }}

),

renamed as (

    select
        -- ids
        fixture_id,
        id as score_id,
        type_id,
        participant_id as team_id,
        request_id,

        -- text
        participant as side,
        description,

        -- numerics
        goals,

        -- dates and timestamps
        observed_on,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
