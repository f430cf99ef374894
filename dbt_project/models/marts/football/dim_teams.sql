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
        max(fetched_at) as fetched_at
    from participants
    group by team_id, team_name
    union all
    select
        team_id,
        team_name,
        fetched_at
    from teams

),

names as (

    select
        resolved.canonical_team_id as team_id,
        spellings.team_name,
        bool_or(spellings.team_id = resolved.canonical_team_id) as is_canonical,
        max(spellings.fetched_at) as fetched_at
    from spellings
    inner join resolved on spellings.team_id = resolved.team_id
    group by resolved.canonical_team_id, spellings.team_name

),

ranked_names as (

    select
        *,
        row_number() over (
            partition by team_id order by is_canonical desc, fetched_at desc, {{ binary_order('team_name') }}
        ) as recency
    from names

),

named as (

    select
        team_id,
        max(team_name) filter (where recency = 1) as team_name,
        {{ dbt.listagg('team_name', "', '", 'order by ' ~ binary_order('team_name')) }} as names_seen,
        count(*) as name_count
    from ranked_names
    group by team_id

),

ids as (

    select
        canonical_team_id as team_id,
        count(*) as id_count
    from resolved
    group by canonical_team_id

),

final as (

    select
        ids.team_id,
        teams.country_id,
        teams.venue_id,
        coalesce(teams.team_name, named.team_name) as team_name,
        teams.short_code,
        teams.gender,
        teams.team_type,
        teams.image_path,
        named.names_seen,
        teams.founded_year,
        ids.id_count,
        named.name_count,
        coalesce(teams.is_placeholder, false) as is_placeholder,
        teams.last_played_at
    from ids
    inner join named on ids.team_id = named.team_id
    left join teams on ids.team_id = teams.team_id

)

select * from final
