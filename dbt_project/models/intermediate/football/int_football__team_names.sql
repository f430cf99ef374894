with

teams as (

    select * from {{ ref('stg_sportmonks__teams') }}

),

participants as (

    select * from {{ ref('stg_sportmonks__participants') }}

),

resolved as (

    select * from {{ ref('int_football__teams_resolved') }}

),

-- a fixture may name a team that the list of teams lacks, or spell it otherwise
spellings as (

    select
        team_id,
        team_name,
        max(fetched_at) as fetched_at,
        false as is_listed
    from participants
    group by team_id, team_name
    union all
    select
        team_id,
        team_name,
        fetched_at,
        true as is_listed
    from teams

),

names as (

    select
        resolved.canonical_team_id as team_id,
        spellings.team_name,
        bool_or(spellings.is_listed and spellings.team_id = resolved.canonical_team_id) as is_listed,
        bool_or(spellings.team_id = resolved.canonical_team_id) as is_canonical,
        max(spellings.fetched_at) as fetched_at
    from spellings
    inner join resolved on spellings.team_id = resolved.team_id
    group by resolved.canonical_team_id, spellings.team_name

),

-- the list's own name of the team comes first
final as (

    select
        team_id,
        team_name,
        row_number() over (
            partition by team_id
            order by is_listed desc, is_canonical desc, fetched_at desc, {{ binary_order('team_name') }}
        ) as preference
    from names

)

select * from final
