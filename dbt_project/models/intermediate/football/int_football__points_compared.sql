with

fixtures as (

    select * from {{ ref('stg_sportmonks__fixtures') }}

),

scores as (

    select * from {{ ref('stg_sportmonks__scores') }}

),

stages as (

    select * from {{ ref('stg_sportmonks__stages') }}

),

policies as (

    select * from {{ ref('int_football__season_policies') }}

),

teams as (

    select * from {{ ref('int_football__teams_resolved') }}

),

standings as (

    select * from {{ ref('stg_sportmonks__standings') }}

),

latest as (

    select
        fixture_id,
        max(fetched_at) as fetched_at
    from fixtures
    group by fixture_id

),

played as (

    select
        fixtures.fixture_id,
        fixtures.season_id,
        fixtures.stage_id,
        fixtures.request_id,
        fixtures.kickoff_at
    from fixtures
    inner join latest on fixtures.fixture_id = latest.fixture_id and fixtures.fetched_at = latest.fetched_at
    left join stages on fixtures.stage_id = stages.stage_id
    where
        ({{ in_states('fixtures.state_id', 'final') }} or {{ in_states('fixtures.state_id', 'decided') }})
        and coalesce(stages.type_id not in (224, 225), true)

),

goals as (

    select
        played.season_id,
        played.stage_id,
        played.kickoff_at,
        scores.team_id,
        scores.goals,
        sum(scores.goals) over (partition by played.fixture_id) - scores.goals as goals_against
    from played
    inner join scores on played.fixture_id = scores.fixture_id and played.request_id = scores.request_id
    where scores.description = 'CURRENT'

),

won as (

    select
        goals.season_id,
        goals.stage_id,
        coalesce(teams.canonical_team_id, goals.team_id) as team_id,
        sum(
            case
                when goals.goals > goals.goals_against then policies.points_for_win
                when goals.goals = goals.goals_against then 1
                else 0
            end
        ) as points,
        max(goals.kickoff_at) as last_kickoff_at
    from goals
    inner join policies on goals.season_id = policies.season_id
    left join teams on goals.team_id = teams.team_id
    group by goals.season_id, goals.stage_id, coalesce(teams.canonical_team_id, goals.team_id)

),

corrected as (

    select
        season_id,
        team_id,
        sum(points) as points
    from {{ ref('int_football__deductions') }}
    group by season_id, team_id

),

listed as (

    select
        standings.season_id,
        standings.stage_id,
        coalesce(teams.canonical_team_id, standings.team_id) as team_id,
        max(standings.points) as points,
        max(standings.fetched_at) as fetched_at
    from standings
    left join teams on standings.team_id = teams.team_id
    group by standings.season_id, standings.stage_id, coalesce(teams.canonical_team_id, standings.team_id)

),

final as (

    select
        won.season_id,
        won.stage_id,
        won.team_id,
        cast(won.points as bigint) as won_points,
        cast(coalesce(corrected.points, 0) as bigint) as corrected_points,
        listed.points as listed_points,
        listed.points - cast(won.points + coalesce(corrected.points, 0) as bigint) as difference,
        won.last_kickoff_at,
        listed.fetched_at as listed_at
    from won
    left join corrected on won.season_id = corrected.season_id and won.team_id = corrected.team_id
    left join listed
        on
            won.season_id = listed.season_id
            and won.team_id = listed.team_id
            and coalesce(won.stage_id, 0) = coalesce(listed.stage_id, won.stage_id, 0)

)

select * from final
