{{
    config(
        materialized='incremental',
        unique_key='season_id',
        meta={'changes': ['season_id']},
        pre_hook="{{ plan_hash_joins() }}",
        indexes=[{'columns': ['season_id']}]
    )
}}

{%- call touched_keys() %}
{%- for model in ['int_football__table_totals', 'int_football__league_tables', 'int_football__table_matches'] %}
    select season_id from {{ changes_of(model) }} as changed
    {{ 'union all' if not loop.last }}
{%- endfor %}
{%- endcall %}

with

points as (

    select points.* from {{ ref('int_football__table_points') }} as points
    where points.ranking = 'head_to_head' and {{ is_touched('points') }}

),

matches as (

    select matches.* from {{ ref('int_football__table_matches') }} as matches
    where {{ is_touched('matches') }}

),

ranked as (

    select
        season_id,
        table_id,
        standing_on,
        team_id,
        rank() over (partition by table_id, standing_on order by points desc) as tie,
        count(*) over (partition by table_id, standing_on, points) as tied
    from points

),

level as (

    select * from ranked
    where tied > 1

),

-- every match among a group that is on the list, whether played by then or not
complete as (

    select
        home.table_id,
        home.standing_on,
        home.tie
    from matches
    inner join level as home on matches.table_id = home.table_id and matches.home_team_id = home.team_id
    inner join level as away
        on
            home.table_id = away.table_id
            and home.standing_on = away.standing_on
            and home.tie = away.tie
            and matches.away_team_id = away.team_id
    group by home.table_id, home.standing_on, home.tie
    having bool_and(coalesce(matches.played_on <= home.standing_on, false))

),

final as (

    select
        level.season_id,
        level.table_id,
        level.team_id,
        level.tie,
        level.standing_on
    from level
    inner join complete
        on
            level.table_id = complete.table_id
            and level.standing_on = complete.standing_on
            and level.tie = complete.tie

)

select * from final
