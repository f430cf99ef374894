with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'stages') }}

),

renamed as (

    select
        -- ids
        id as stage_id,
        league_id,
        season_id,
        type_id,
        tie_breaker_rule_id,
        request_id,

        -- text
        name as stage_name,

        -- numerics
        sort_order,

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
