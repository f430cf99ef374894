{{
    config(
        materialized='incremental',
        unique_key='pool_id',
        meta={'recomputed_from': 'played_on'},
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id', 'team_id'], 'unique': true}, {'columns': ['pool_id', 'played_on']}]
    )
}}

{#- ratings are hundredths of a point, rounded after each match: integers add up alike on every engine -#}
{%- set start, k_factor, home_advantage = 150000, 2000, 6000 -%}
{#- both sides of a match are there, so that the opponent's rating is the other one of the two -#}
{%- set opponent_rating = 'sum(states.rating_before) over (partition by sides.fixture_id) - states.rating_before' -%}
{%- call touched_keys() %}
    select pool_id, played_on from {{ changes_of('int_football__rated_matches') }} as changed
{%- endcall %}

with recursive

sides as (

    select
        sides.*,
        case when sides.is_home then {{ home_advantage }} else -{{ home_advantage }} end as advantage,
        dense_rank() over (partition by sides.pool_id order by sides.played_on) as day_number
    from {{ ref('int_football__rated_sides') }} as sides
    where {{ is_touched('sides') }}

),

{% if is_incremental() -%}
-- before the first day that is touched in a pool all is as it was, so that its ratings go on from what stands here
openings as (

    select
        known.pool_id,
        known.team_id,
        {{ latest_bigint('known.rating_after_hundredths', 'cast(known.played_on as timestamp)') }} as rating
    from {{ this }} as known
    inner join {{ touched() }} as touched on known.pool_id = touched.pool_id and known.played_on < touched.played_on
    group by known.pool_id, known.team_id

),

{% endif -%}
days as (

    select
        pool_id,
        max(day_number) as last_day_number
    from sides
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

final as (

    select
        sides.fixture_id,
        sides.team_id,
        sides.opponent_team_id,
        sides.season_id,
        sides.pool_id,
        sides.goals_for,
        sides.goals_against,
        states.rating_before as rating_before_hundredths,
        states.rating as rating_after_hundredths,
        -- rounded, so that engines agree to the last digit
        floor(
            10000 * {{ elo_expectation('states.rating_before', opponent_rating, 'sides.advantage') }} + 0.5
        ) / cast(10000 as double precision) as expected_score,
        sides.is_home,
        sides.played_on
    from sides
    inner join states
        on
            sides.pool_id = states.pool_id
            and sides.team_id = states.team_id
            and sides.day_number = states.day_number

)

select * from final
