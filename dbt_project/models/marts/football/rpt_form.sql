with

fixtures as (

    select * from {{ ref('fct_fixtures') }}
    where is_final and result is not null and not is_deleted

),

seasons as (

    select * from {{ ref('dim_seasons') }}

),

-- what a win is for one side is a loss for the other
sides as (

    {%- for side, other in [('home', 'away'), ('away', 'home')] %}

    select
        season_id,
        fixture_id,
        kickoff_at,
        {{ side }}_team_id as team_id,
        case result when '{{ side }}' then 'W' when '{{ other }}' then 'L' else 'D' end as outcome
    from fixtures
    where {{ side }}_team_id is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

ordered as (

    select
        *,
        row_number() over (
            partition by season_id, team_id order by kickoff_at desc nulls last, fixture_id desc
        ) as recency
    from sides

),

summed as (

    select
        season_id,
        team_id,
        coalesce(max(outcome) filter (where recency = 5), '')
        || coalesce(max(outcome) filter (where recency = 4), '')
        || coalesce(max(outcome) filter (where recency = 3), '')
        || coalesce(max(outcome) filter (where recency = 2), '')
        || coalesce(max(outcome) filter (where recency = 1), '') as form,
        count(*) filter (where recency <= 5 and outcome = 'W') as recent_wins,
        count(*) filter (where recency <= 5 and outcome = 'D') as recent_draws,
        coalesce(min(recency) filter (where outcome = 'L') - 1, count(*)) as unbeaten_run,
        count(*) as played,
        max(kickoff_at) as last_played_at
    from ordered
    group by season_id, team_id

),

final as (

    select
        summed.season_id,
        summed.team_id,
        summed.form,
        summed.recent_wins * coalesce(seasons.points_for_win, 3) + summed.recent_draws as form_points,
        summed.unbeaten_run,
        summed.played,
        summed.last_played_at
    from summed
    left join seasons on summed.season_id = seasons.season_id

)

select * from final
