with

raw_rows as (

    {{ completed_rows('raw_sportmonks', 'seasons') }}

),

renamed as (

    select
        -- ids
        id as season_id,
        league_id,
        tie_breaker_rule_id,
        request_id,

        -- text
        name as season_name,

        -- booleans
        finished as is_finished,
        pending as is_pending,
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
