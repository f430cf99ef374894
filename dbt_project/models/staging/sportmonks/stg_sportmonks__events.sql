with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'events') }}

),

renamed as (

    select
        -- ids
        fixture_id,
        id as event_id,
        period_id,
        participant_id as team_id,
        type_id,
        player_id,
        related_player_id,
        coach_id,
        sub_type_id,
        detailed_period_id,
        request_id,

        -- text
        player_name,
        related_player_name,
        result as score,
        info,
        addition,

        -- numerics
        minute,
        extra_minute,
        sort_order,

        -- booleans
        injured as is_injured,
        on_bench as is_on_bench,
        rescinded as is_rescinded,

        -- timestamps
        fetched_at,
        loaded_at,
        load_number
    from raw_rows

)

select * from renamed
