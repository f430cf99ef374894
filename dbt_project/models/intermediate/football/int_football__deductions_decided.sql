with

corrections as (

    select * from {{ ref('stg_sportmonks__corrections') }}
    where coalesce(is_active, true) and coalesce(type_id, 187) = 187

),

teams as (

    select * from {{ ref('int_football__teams_resolved') }}

),

sighted as (

    select
        *,
        row_number() over (partition by correction_id order by fetched_at, observed_on) as sighting
    from corrections

),

-- as first seen; one that is withdrawn was decided all the same
final as (

    select
        sighted.correction_id,
        sighted.season_id,
        coalesce(teams.canonical_team_id, sighted.team_id) as team_id,
        sighted.calc_type || cast(sighted.points as {{ dbt.type_string() }}) as points_changed,
        sighted.fetched_at as observed_at
    from sighted
    left join teams on sighted.team_id = teams.team_id
    where sighted.sighting = 1

)

select * from final
