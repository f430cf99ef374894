with

corrections as (

    select * from {{ ref('stg_sportmonks__corrections') }}

),

seasons as (

    select * from {{ ref('stg_sportmonks__seasons') }}

),

teams as (

    select * from {{ ref('int_football__teams_resolved') }}

),

latest_answers as (

    select
        season_id,
        max(fetched_at) as fetched_at
    from corrections
    group by season_id

),

latest_requests as (

    select distinct
        corrections.season_id,
        corrections.request_id
    from corrections
    inner join latest_answers
        on corrections.season_id = latest_answers.season_id and corrections.fetched_at = latest_answers.fetched_at

),

first_observed as (

    select
        correction_id,
        min(observed_on) as observed_on,
        min(fetched_at) as fetched_at
    from corrections
    group by correction_id

),

-- what the season's latest answer no longer holds was withdrawn
standing as (

    select corrections.*
    from corrections
    inner join latest_requests
        on corrections.season_id = latest_requests.season_id and corrections.request_id = latest_requests.request_id
    where coalesce(corrections.is_active, true) and coalesce(corrections.type_id, 187) = 187

),

final as (

    select
        standing.correction_id,
        standing.season_id,
        standing.stage_id,
        standing.group_id,
        coalesce(teams.canonical_team_id, standing.team_id) as team_id,
        case when standing.calc_type = '+' then standing.points else -standing.points end as points,
        case
            when standing.decided_at is not null then cast(standing.decided_at as date)
            when first_observed.observed_on between seasons.starts_on and seasons.ends_on
                then first_observed.observed_on
            else coalesce(seasons.starts_on, first_observed.observed_on)
        end as counts_on,
        first_observed.fetched_at as first_observed_at
    from standing
    inner join first_observed on standing.correction_id = first_observed.correction_id
    left join seasons on standing.season_id = seasons.season_id
    left join teams on standing.team_id = teams.team_id

)

select * from final
