with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'fixture_index') }}

),

renamed as (

    select
        -- ids
        id as fixture_id,
        league_id,
        season_id,
        stage_id,
        group_id,
        aggregate_id,
        round_id,
        state_id,
        venue_id,
        request_id,

        -- text
        name as fixture_name,
        result_info,
        leg,
        details,
        base_hash,

        -- numerics
        length as length_minutes,

        -- booleans
        placeholder as is_placeholder,

        -- timestamps
        starting_at as kickoff_at,
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
