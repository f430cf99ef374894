-- head-to-head starts again in what is still level as often as int_football__level_teams_parted says: once more would part nobody

with

standings as (

    select * from {{ ref('fct_standings') }}
    where head_to_head_position is not null

),

seasons as (

    select * from {{ ref('dim_seasons') }}

),

matches as (

    select
        season_id,
        stage_id,
        group_id,
        home_team_id,
        away_team_id,
        home_goals - away_goals as goal_difference,
        cast(kickoff_at as date) as played_on
    from {{ ref('fct_fixtures') }}
    where is_in_table

),

met as (

    select
        home.table_id,
        home.standing_on,
        home.head_to_head_position,
        home.team_id as home_team_id,
        away.team_id as away_team_id,
        matches.goal_difference,
        seasons.points_for_win
    from matches
    inner join standings as home
        on
            matches.season_id = home.season_id
            and coalesce(matches.stage_id, 0) = coalesce(home.stage_id, 0)
            and coalesce(matches.group_id, 0) = coalesce(home.group_id, 0)
            and matches.home_team_id = home.team_id
            and matches.played_on <= home.standing_on
    inner join standings as away
        on
            home.table_id = away.table_id
            and home.standing_on = away.standing_on
            and home.head_to_head_position = away.head_to_head_position
            and matches.away_team_id = away.team_id
    inner join seasons on home.season_id = seasons.season_id

),

outcomes as (

    select
        table_id,
        standing_on,
        head_to_head_position,
        home_team_id as team_id,
        goal_difference,
        case when goal_difference > 0 then points_for_win when goal_difference = 0 then 1 else 0 end as points
    from met
    union all
    select
        table_id,
        standing_on,
        head_to_head_position,
        away_team_id as team_id,
        -goal_difference as goal_difference,
        case when goal_difference < 0 then points_for_win when goal_difference = 0 then 1 else 0 end as points
    from met

),

summed as (

    select
        table_id,
        standing_on,
        head_to_head_position,
        team_id,
        sum(points) as points,
        sum(goal_difference) as goal_difference
    from outcomes
    group by table_id, standing_on, head_to_head_position, team_id

)

select
    table_id,
    standing_on,
    head_to_head_position
from summed
group by table_id, standing_on, head_to_head_position
having min(points) <> max(points) or min(goal_difference) <> max(goal_difference)
