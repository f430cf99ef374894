with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'rounds') }}

),

renamed as (

    select
        -- ids
        id as round_id,
        league_id,
        season_id,
        stage_id,
        request_id,

        -- text
        name as round_name,

        -- booleans
        finished as is_finished,
        is_current,

        -- dates and timestamps
        starting_at as starts_on,
        ending_at as ends_on,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
