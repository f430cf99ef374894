with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'standings') }}

),

renamed as (

    select
        -- ids
        id as standing_id,
        participant_id as team_id,
        league_id,
        season_id,
        stage_id,
        group_id,
        round_id,
        standing_rule_id,
        request_id,

        -- text
        result as movement,

        -- numerics
        position,
        points,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
