{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        pre_hook="{{ plan_full_build() }}",
        post_hook="{{ forget_unrated() }}",
        indexes=[
            {'columns': ['fixture_id', 'team_id'], 'unique': true},
            {'columns': ['pool_id', 'played_on']},
        ]
    )
}}

{#- ratings are hundredths of a point, rounded after each match: integers add up alike on every engine -#}
{%- set start = 150000 -%}
{%- set k_factor = 2000 -%}
{%- set home_advantage = 6000 -%}

with recursive

fixtures as (

    select * from {{ ref('fct_fixtures') }}

),

leagues as (

    select * from {{ ref('dim_leagues') }}

),

rated as (

    select
        fixtures.fixture_id,
        fixtures.season_id,
        fixtures.home_team_id,
        fixtures.away_team_id,
        fixtures.home_goals,
        fixtures.away_goals,
        fixtures.revised_at as loaded_at,
        -- leagues of one country play each other's teams, over the years; an unknown country is a pool a league
        coalesce(leagues.country_id, -fixtures.league_id) as pool_id,
        cast(fixtures.kickoff_at as date) as played_on
    from fixtures
    left join leagues on fixtures.league_id = leagues.league_id
    where
        fixtures.is_final
        and fixtures.result is not null
        and not fixtures.is_deleted
        and fixtures.kickoff_at is not null
        and fixtures.home_team_id <> fixtures.away_team_id

),

{% if is_incremental() -%}
new_fixtures as (

    select * from fixtures
    where {{ unseen() }}

),

known as (

    select * from {{ this }}

),

known_matches as (

    select * from known
    where is_home

),

-- everything from the first day on which a match came, went or changed
starts as (

    select
        coalesce(known_matches.pool_id, rated.pool_id) as pool_id,
        min(least(rated.played_on, known_matches.played_on)) as from_on
    from new_fixtures
    left join rated on new_fixtures.fixture_id = rated.fixture_id
    left join known_matches on new_fixtures.fixture_id = known_matches.fixture_id
    where
        rated.played_on is distinct from known_matches.played_on
        or rated.home_team_id is distinct from known_matches.team_id
        or rated.away_team_id is distinct from known_matches.opponent_team_id
        or rated.home_goals is distinct from known_matches.goals_for
        or rated.away_goals is distinct from known_matches.goals_against
    group by coalesce(known_matches.pool_id, rated.pool_id)

),

ratings_before as (

    select
        known.pool_id,
        known.team_id,
        known.rating_after_hundredths as rating,
        row_number() over (
            partition by known.pool_id, known.team_id order by known.played_on desc, known.fixture_id desc
        ) as recency
    from known
    inner join starts on known.pool_id = starts.pool_id and known.played_on < starts.from_on

),

openings as (

    select * from ratings_before
    where recency = 1

),

{% else -%}
starts as (

    select
        pool_id,
        min(played_on) as from_on
    from rated
    group by pool_id

),

{% endif -%}
matches as (

    select
        rated.*,
        dense_rank() over (partition by rated.pool_id order by rated.played_on) as day_number
    from rated
    inner join starts on rated.pool_id = starts.pool_id and rated.played_on >= starts.from_on

),

-- the score of a match is 2, 1 or 0: halves of a win
sides as (

    {%- for side, other in [('home', 'away'), ('away', 'home')] %}

    select
        fixture_id,
        pool_id,
        season_id,
        day_number,
        played_on,
        loaded_at,
        {{ side }}_team_id as team_id,
        {{ other }}_team_id as opponent_team_id,
        {{ side }}_goals as goals_for,
        {{ other }}_goals as goals_against,
        {{ side == 'home' }} as is_home,
        {{ home_advantage if side == 'home' else -home_advantage }} as advantage,
        1 + cast({{ side }}_goals > {{ other }}_goals as integer)
        - cast({{ side }}_goals < {{ other }}_goals as integer) as halves
    from matches
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

days as (

    select
        pool_id,
        max(day_number) as last_day_number
    from matches
    group by pool_id

),

teams as (

    select distinct
        pool_id,
        team_id
    from sides

),

-- all teams of a pool, day by day: a recursive query may name itself once and not sum, its own inner CTE may
states as (

    select
        teams.pool_id,
        teams.team_id,
        cast(0 as bigint) as day_number,
        cast(0 as bigint) as rating_before,
        cast({{ 'coalesce(openings.rating, ' ~ start ~ ')' if is_incremental() else start }} as bigint) as rating
    from teams
    {%- if is_incremental() %}
    left join openings on teams.pool_id = openings.pool_id and teams.team_id = openings.team_id
    {%- endif %}
    union all
    select
        moved.pool_id,
        moved.team_id,
        moved.day_number,
        moved.rating_before,
        moved.rating
    from (
        with

        current_states as (

            select
                states.pool_id,
                states.team_id,
                states.rating,
                states.day_number + 1 as day_number
            from states
            inner join days on states.pool_id = days.pool_id
            where states.day_number < days.last_day_number

        )

        select
            ours.pool_id,
            ours.team_id,
            ours.day_number,
            ours.rating as rating_before,
            ours.rating + cast(
                coalesce(
                    sum({{ elo_change(k_factor, 'sides.halves', 'ours.rating', 'theirs.rating', 'sides.advantage') }}),
                    0
                ) as bigint
            ) as rating
        from current_states as ours
        left join sides
            on ours.pool_id = sides.pool_id and ours.day_number = sides.day_number and ours.team_id = sides.team_id
        left join current_states as theirs
            on sides.pool_id = theirs.pool_id and sides.opponent_team_id = theirs.team_id
        group by ours.pool_id, ours.team_id, ours.day_number, ours.rating
    ) as moved

),

-- both sides of a match are there, so that the opponent's rating is the other one of the two
paired as (

    select
        sides.*,
        states.rating_before,
        states.rating as rating_after,
        sum(states.rating_before) over (partition by sides.fixture_id) - states.rating_before as opponent_rating
    from sides
    inner join states
        on
            sides.pool_id = states.pool_id
            and sides.team_id = states.team_id
            and sides.day_number = states.day_number

),

final as (

    select
        fixture_id,
        team_id,
        opponent_team_id,
        season_id,
        pool_id,
        goals_for,
        goals_against,
        rating_before as rating_before_hundredths,
        rating_after as rating_after_hundredths,
        -- rounded, so that engines agree to the last digit
        floor(
            10000 * {{ elo_expectation('rating_before', 'opponent_rating', 'advantage') }} + 0.5
        ) / cast(10000 as double precision) as expected_score,
        is_home,
        played_on,
        loaded_at
    from paired

)

select * from final
