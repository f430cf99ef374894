with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'topscorers') }}

),

renamed as (

    select
        -- ids
        id as topscorer_id,
        season_id,
        league_id,
        stage_id,
        player_id,
        type_id,
        participant_id as team_id,
        request_id,

        -- text
        participant_type,

        -- numerics
        position,
        total,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
