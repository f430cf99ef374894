with

lineups as (

    select * from {{ ref('fct_lineups') }}

),

events as (

    select * from {{ ref('fct_fixture_events') }}

),

seen as (

    select
        player_id,
        player_name,
        max(kickoff_at) as last_seen_at
    from lineups
    where player_id is not null and player_name is not null
    group by player_id, player_name
    union all
    select
        player_id,
        player_name,
        max(kickoff_at) as last_seen_at
    from events
    where player_id is not null and player_name is not null
    group by player_id, player_name
    union all
    select
        related_player_id as player_id,
        related_player_name as player_name,
        max(kickoff_at) as last_seen_at
    from events
    where related_player_id is not null and related_player_name is not null
    group by related_player_id, related_player_name

),

names as (

    select
        player_id,
        player_name,
        max(last_seen_at) as last_seen_at
    from seen
    group by player_id, player_name

),

ranked as (

    select
        *,
        row_number() over (
            partition by player_id order by last_seen_at desc nulls last, {{ binary_order('player_name') }}
        ) as recency
    from names

),

final as (

    select
        player_id,
        max(player_name) filter (where recency = 1) as player_name,
        count(*) as name_count,
        max(last_seen_at) as last_seen_at
    from ranked
    group by player_id

)

select * from final
