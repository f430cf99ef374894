with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'corrections') }}

),

renamed as (

    select
        -- ids
        id as correction_id,
        season_id,
        stage_id,
        group_id,
        type_id,
        participant_id as team_id,
        request_id,

        -- text
        calc_type,
        participant_type,

        -- numerics
        value as points,

        -- booleans
        active as is_active,

        -- dates and timestamps
        observed_on,
        created_at as decided_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
