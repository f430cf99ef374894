with

fixtures as (

    select
        *,
        home_team_id < away_team_id as is_in_order
    from {{ ref('fct_fixtures') }}
    where is_final and result is not null and not is_deleted and home_team_id <> away_team_id

),

met as (

    select
        least(home_team_id, away_team_id) as team_id,
        greatest(home_team_id, away_team_id) as opponent_team_id,
        case when is_in_order then home_goals else away_goals end as goals_for,
        case when is_in_order then away_goals else home_goals end as goals_against,
        kickoff_at
    from fixtures

),

final as (

    select
        team_id,
        opponent_team_id,
        count(*) as played,
        count(*) filter (where goals_for > goals_against) as won,
        count(*) filter (where goals_for = goals_against) as drawn,
        count(*) filter (where goals_for < goals_against) as lost,
        cast(sum(goals_for) as bigint) as goals_for,
        cast(sum(goals_against) as bigint) as goals_against,
        max(kickoff_at) as last_met_at
    from met
    group by team_id, opponent_team_id

)

select * from final
