with

teams as (

    select * from {{ ref('stg_sportmonks__teams') }}

),

names as (

    select * from {{ ref('int_football__team_names') }}

),

resolved as (

    select * from {{ ref('int_football__teams_resolved') }}

),

named as (

    select
        team_id,
        max(team_name) filter (where preference = 1) as team_name,
        {{ dbt.listagg('team_name', "', '", 'order by ' ~ binary_order('team_name')) }} as names_seen,
        count(*) as name_count
    from names
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
        named.team_name,
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
