with

fixtures as (

    select * from {{ ref('fct_fixtures') }}
    where is_final and not is_deleted

),

events as (

    select * from {{ ref('fct_fixture_events') }}
    where not is_rescinded

),

lineups as (

    select * from {{ ref('fct_lineups') }}

),

players as (

    select * from {{ ref('dim_players') }}

),

goal_events as (

    select
        fixtures.season_id,
        events.player_id,
        events.related_player_id,
        events.type_id = 16 as is_penalty
    from events
    inner join fixtures on events.fixture_id = fixtures.fixture_id
    where events.type_id in (14, 16)

),

scorers as (

    select
        season_id,
        player_id,
        count(*) as goals,
        count(*) filter (where is_penalty) as penalties
    from goal_events
    where player_id is not null
    group by season_id, player_id

),

assisted as (

    select
        season_id,
        related_player_id as player_id,
        count(*) as assists
    from goal_events
    where related_player_id is not null and not is_penalty
    group by season_id, related_player_id

),

-- who began a match, or came on in it
appearances as (

    select
        lineups.fixture_id,
        lineups.player_id
    from lineups
    where lineups.is_starter and lineups.player_id is not null
    union
    select
        events.fixture_id,
        events.player_id
    from events
    where events.type_id = 18 and events.player_id is not null

),

appeared as (

    select
        fixtures.season_id,
        appearances.player_id,
        count(*) as matches
    from appearances
    inner join fixtures on appearances.fixture_id = fixtures.fixture_id
    group by fixtures.season_id, appearances.player_id

),

final as (

    select
        scorers.season_id,
        scorers.player_id,
        players.player_name,
        rank() over (partition by scorers.season_id order by scorers.goals desc) as position,
        scorers.goals,
        scorers.penalties,
        coalesce(assisted.assists, 0) as assists,
        coalesce(appeared.matches, 0) as matches
    from scorers
    left join assisted on scorers.season_id = assisted.season_id and scorers.player_id = assisted.player_id
    left join appeared on scorers.season_id = appeared.season_id and scorers.player_id = appeared.player_id
    left join players on scorers.player_id = players.player_id

)

select * from final
