with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'lineups') }}

),

renamed as (

    select
        -- ids
        fixture_id,
        id as lineup_id,
        player_id,
        team_id,
        position_id,
        type_id,
        request_id,

        -- text
        formation_field,
        player_name,

        -- numerics
        formation_position,
        jersey_number,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
