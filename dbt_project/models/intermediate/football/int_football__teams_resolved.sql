with

teams as (

    select * from {{ ref('stg_sportmonks__teams') }}

),

participants as (

    select * from {{ ref('stg_sportmonks__participants') }}

),

aliases as (

    select * from {{ ref('team_aliases') }}

),

seen as (

    select team_id from teams
    union
    select team_id from participants

),

final as (

    select
        seen.team_id,
        coalesce(aliases.canonical_team_id, seen.team_id) as canonical_team_id
    from seen
    left join aliases on seen.team_id = aliases.team_id

)

select * from final
