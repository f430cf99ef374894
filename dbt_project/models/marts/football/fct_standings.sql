{{
    config(
        materialized='incremental',
        unique_key='season_id',
        pre_hook=["{{ plan_full_build() }}", "{{ forget_touched('season_id', 'revised_at') }}"],
        indexes=[
            {'columns': ['season_id', 'standing_on']},
            {'columns': ['table_id', 'standing_on', 'team_id'], 'unique': true},
        ]
    )
}}

{#- how often head-to-head starts again in what is still level; a data test tells if that is too seldom -#}
{%- set depth = 6 -%}
{%- set counts = ['won', 'drawn', 'lost', 'goals_for', 'goals_against'] -%}

with

fixtures as (

    select * from {{ ref('fct_fixtures') }}

),

revised_fixtures as (

    select * from fixtures
    where {{ unseen('revised_at') }}

),

corrections as (

    select * from {{ ref('stg_sportmonks__corrections') }}

),

new_corrections as (

    select * from corrections
    where {{ unseen() }}

),

deductions as (

    select * from {{ ref('int_football__deductions') }}

),

seasons as (

    select * from {{ ref('dim_seasons') }}

),

teams as (

    select * from {{ ref('dim_teams') }}

),

touched as (

    select season_id from revised_fixtures
    union
    select season_id from new_corrections
    {%- if is_incremental() %}
    union
    -- a season ends without a row of its own
    select known.season_id
    from {{ this }} as known
    inner join seasons on known.season_id = seasons.season_id
    where known.is_latest and not known.is_final and seasons.is_finished
    {%- endif %}

),

listed as (

    select
        cast(fixtures.season_id as {{ dbt.type_string() }})
        || '-' || cast(coalesce(fixtures.stage_id, 0) as {{ dbt.type_string() }})
        || '-' || cast(coalesce(fixtures.group_id, 0) as {{ dbt.type_string() }}) as table_id,
        fixtures.season_id,
        fixtures.league_id,
        fixtures.stage_id,
        fixtures.group_id,
        fixtures.home_team_id,
        fixtures.away_team_id,
        fixtures.home_goals,
        fixtures.away_goals,
        fixtures.is_in_table,
        case when fixtures.is_in_table then cast(fixtures.kickoff_at as date) end as played_on
    from fixtures
    inner join touched on fixtures.season_id = touched.season_id
    where
        fixtures.is_table_stage
        and not fixtures.is_dead
        and not fixtures.is_deleted

),

tables as (

    select
        listed.table_id,
        listed.season_id,
        listed.stage_id,
        listed.group_id,
        max(listed.league_id) as league_id,
        min(listed.played_on) as first_on,
        bool_and(listed.is_in_table) as is_played,
        max(coalesce(seasons.ranking, 'goal_difference')) as ranking,
        max(coalesce(seasons.points_for_win, 3)) as points_for_win,
        bool_or(coalesce(seasons.is_finished, false)) as is_finished
    from listed
    left join seasons on listed.season_id = seasons.season_id
    group by listed.table_id, listed.season_id, listed.stage_id, listed.group_id

),

members as (

    select
        table_id,
        home_team_id as team_id
    from listed
    where home_team_id is not null
    union
    select
        table_id,
        away_team_id as team_id
    from listed
    where away_team_id is not null

),

matches as (

    select * from listed
    where is_in_table

),

sides as (

    {%- for side, other in [('home', 'away'), ('away', 'home')] %}

    select
        table_id,
        played_on as standing_on,
        {{ side }}_team_id as team_id,
        {%- for measured in ['home', 'away'] %}
        {%- set unit = 1 if measured == side else 0 %}
        cast({{ side }}_goals > {{ other }}_goals as integer) * {{ unit }} as {{ measured }}_won,
        cast({{ side }}_goals = {{ other }}_goals as integer) * {{ unit }} as {{ measured }}_drawn,
        cast({{ side }}_goals < {{ other }}_goals as integer) * {{ unit }} as {{ measured }}_lost,
        {{ side }}_goals * {{ unit }} as {{ measured }}_goals_for,
        {{ other }}_goals * {{ unit }} as {{ measured }}_goals_against,
        {%- endfor %}
        0 as points_given
    from matches
    union all
    {%- endfor %}
    -- what is decided before the first match counts from then on
    select
        tables.table_id,
        greatest(deductions.counts_on, tables.first_on) as standing_on,
        members.team_id,
        {%- for measured in ['home', 'away'] %}
        {%- for count in counts %}
        0 as {{ measured }}_{{ count }},
        {%- endfor %}
        {%- endfor %}
        deductions.points as points_given
    from deductions
    inner join tables
        on
            deductions.season_id = tables.season_id
            and coalesce(deductions.stage_id = tables.stage_id, true)
            and coalesce(deductions.group_id = tables.group_id, true)
    inner join members on tables.table_id = members.table_id and deductions.team_id = members.team_id
    where tables.first_on is not null

),

daily as (

    select
        table_id,
        team_id,
        standing_on,
        {%- for measured in ['home', 'away'] %}
        {%- for count in counts %}
        sum({{ measured }}_{{ count }}) as {{ measured }}_{{ count }},
        {%- endfor %}
        {%- endfor %}
        sum(points_given) as points_given
    from sides
    group by table_id, team_id, standing_on

),

days as (

    select distinct
        table_id,
        standing_on
    from daily

),

cumulated as (

    select
        days.table_id,
        days.standing_on,
        members.team_id,
        {%- for measured in ['home', 'away'] %}
        {%- for count in counts %}
        cast(sum(coalesce(daily.{{ measured }}_{{ count }}, 0)) over so_far as bigint) as {{ measured }}_{{ count }},
        {%- endfor %}
        {%- endfor %}
        cast(sum(coalesce(daily.points_given, 0)) over so_far as bigint) as points_given
    from days
    inner join members on days.table_id = members.table_id
    left join daily
        on
            days.table_id = daily.table_id
            and days.standing_on = daily.standing_on
            and members.team_id = daily.team_id
    window so_far as (partition by days.table_id, members.team_id order by days.standing_on)

),

totals as (

    select
        cumulated.*,
        tables.season_id,
        tables.league_id,
        tables.stage_id,
        tables.group_id,
        tables.ranking,
        teams.team_name,
        {%- for count in counts %}
        cumulated.home_{{ count }} + cumulated.away_{{ count }} as {{ count }},
        {%- endfor %}
        cumulated.home_won + cumulated.home_drawn + cumulated.home_lost as home_played,
        cumulated.away_won + cumulated.away_drawn + cumulated.away_lost as away_played,
        tables.points_for_win * cumulated.home_won + cumulated.home_drawn as home_points,
        tables.points_for_win * cumulated.away_won + cumulated.away_drawn as away_points,
        tables.points_for_win * (cumulated.home_won + cumulated.away_won)
        + cumulated.home_drawn + cumulated.away_drawn + cumulated.points_given as points,
        tables.is_played or tables.is_finished as is_over
    from cumulated
    inner join tables on cumulated.table_id = tables.table_id
    left join teams on cumulated.team_id = teams.team_id

),

-- tie: the place of a team's group, which every level of head-to-head moves on by the rank inside it
level_on_points as (

    select
        table_id,
        standing_on,
        team_id,
        rank() over (partition by table_id, standing_on order by points desc) as tie,
        count(*) over (partition by table_id, standing_on, points) as tied
    from totals
    where ranking = 'head_to_head'

),

tied_0 as (

    select
        table_id,
        standing_on,
        team_id,
        tie
    from level_on_points
    where tied > 1

),

meetings as (

    select
        listed.table_id,
        listed.home_team_id,
        listed.away_team_id,
        listed.home_goals,
        listed.away_goals,
        listed.played_on,
        tables.points_for_win
    from listed
    inner join tables on listed.table_id = tables.table_id
    where tables.ranking = 'head_to_head'

),

-- every match among a group that is on the list, whether played by then or not
met as (

    select
        home.table_id,
        home.standing_on,
        home.tie,
        home.team_id as home_team_id,
        away.team_id as away_team_id,
        meetings.home_goals - meetings.away_goals as goal_difference,
        meetings.points_for_win,
        coalesce(meetings.played_on <= home.standing_on, false) as is_played
    from meetings
    inner join tied_0 as home on meetings.table_id = home.table_id and meetings.home_team_id = home.team_id
    inner join tied_0 as away
        on
            home.table_id = away.table_id
            and home.standing_on = away.standing_on
            and home.tie = away.tie
            and meetings.away_team_id = away.team_id

),

complete as (

    select
        table_id,
        standing_on,
        tie
    from met
    group by table_id, standing_on, tie
    having bool_and(is_played)

),

outcomes as (

    {%- for side, sign in [('home', 1), ('away', -1)] %}

    select
        met.table_id,
        met.standing_on,
        met.{{ side }}_team_id as team_id,
        met.{{ 'away' if side == 'home' else 'home' }}_team_id as opponent_team_id,
        {{ sign }} * met.goal_difference as goal_difference,
        case
            when met.goal_difference = 0 then 1
            when {{ sign }} * met.goal_difference > 0 then met.points_for_win
            else 0
        end as points
    from met
    inner join complete
        on met.table_id = complete.table_id and met.standing_on = complete.standing_on and met.tie = complete.tie
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

level_0 as (

    select tied_0.*
    from tied_0
    inner join complete
        on
            tied_0.table_id = complete.table_id
            and tied_0.standing_on = complete.standing_on
            and tied_0.tie = complete.tie

),

{% for level in range(1, depth + 1) -%}
{% set before = 'level_' ~ (level - 1) -%}
{{ 'among_' ~ level }} as (

    select
        ours.table_id,
        ours.standing_on,
        ours.team_id,
        sum(outcomes.points) as points,
        sum(outcomes.goal_difference) as goal_difference
    from outcomes
    inner join {{ before }} as ours
        on
            outcomes.table_id = ours.table_id
            and outcomes.standing_on = ours.standing_on
            and outcomes.team_id = ours.team_id
    inner join {{ before }} as theirs
        on
            outcomes.table_id = theirs.table_id
            and outcomes.standing_on = theirs.standing_on
            and outcomes.opponent_team_id = theirs.team_id
            and ours.tie = theirs.tie
    group by ours.table_id, ours.standing_on, ours.team_id

),

{{ 'level_' ~ level }} as (

    select
        tied.table_id,
        tied.standing_on,
        tied.team_id,
        tied.tie - 1 + rank() over (
            partition by tied.table_id, tied.standing_on, tied.tie
            order by coalesce(among.points, 0) desc, coalesce(among.goal_difference, 0) desc
        ) as tie
    from {{ before }} as tied
    left join {{ 'among_' ~ level }} as among
        on
            tied.table_id = among.table_id
            and tied.standing_on = among.standing_on
            and tied.team_id = among.team_id

),

{% endfor -%}
ranked as (

    select
        totals.*,
        totals.goals_for - totals.goals_against as goal_difference,
        level.tie as head_to_head_position,
        case
            when totals.ranking = 'points_per_game'
                then coalesce(
                    cast(totals.points as double precision) / nullif(totals.home_played + totals.away_played, 0), 0
                )
            else totals.points
        end as merit,
        case
            when totals.ranking = 'goals_for' then totals.goals_for
            else totals.goals_for - totals.goals_against
        end as second_merit,
        case
            when totals.ranking = 'goals_for' then totals.goals_for - totals.goals_against
            else totals.goals_for
        end as third_merit
    from totals
    left join {{ 'level_' ~ depth }} as level
        on
            totals.table_id = level.table_id
            and totals.standing_on = level.standing_on
            and totals.team_id = level.team_id

),

last_days as (

    select
        table_id,
        max(standing_on) as standing_on
    from days
    group by table_id

),

season_loads as (

    select
        season_id,
        revised_at as loaded_at
    from fixtures
    union all
    select
        season_id,
        loaded_at
    from corrections

),

loads as (

    select
        season_id,
        max(loaded_at) as loaded_at
    from season_loads
    group by season_id

),

final as (

    select
        ranked.table_id,
        ranked.season_id,
        ranked.league_id,
        ranked.stage_id,
        ranked.group_id,
        ranked.team_id,
        ranked.ranking,
        row_number() over (
            partition by ranked.table_id, ranked.standing_on
            order by
                ranked.merit desc,
                coalesce(ranked.head_to_head_position, 0) asc,
                ranked.second_merit desc,
                ranked.third_merit desc,
                {{ binary_order('ranked.team_name') }},
                ranked.team_id
        ) as position,
        ranked.head_to_head_position,
        ranked.home_played + ranked.away_played as played,
        {%- for count in counts %}
        ranked.{{ count }},
        {%- endfor %}
        ranked.goal_difference,
        ranked.points,
        -ranked.points_given as points_deducted,
        {%- for side in ['home', 'away'] %}
        ranked.{{ side }}_played,
        {%- for count in counts %}
        ranked.{{ side }}_{{ count }},
        {%- endfor %}
        ranked.{{ side }}_goals_for - ranked.{{ side }}_goals_against as {{ side }}_goal_difference,
        ranked.{{ side }}_points,
        {%- endfor %}
        last_days.standing_on is not null as is_latest,
        last_days.standing_on is not null and ranked.is_over as is_final,
        ranked.standing_on,
        loads.loaded_at
    from ranked
    inner join loads on ranked.season_id = loads.season_id
    left join last_days on ranked.table_id = last_days.table_id and ranked.standing_on = last_days.standing_on

)

select * from final
