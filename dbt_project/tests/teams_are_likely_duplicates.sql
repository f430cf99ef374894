-- teams of one country whose names differ only in case, accents, punctuation and words that many clubs have:
-- look at them, and list those that are one club in the seed team_aliases
{{ config(severity='warn') }}

with

teams as (

    select
        *,
        {{ normalised_name('team_name') }} as normalised
    from {{ ref('dim_teams') }}
    where not is_placeholder

)

select
    teams.country_id,
    teams.team_id,
    teams.team_name,
    others.team_id as other_team_id,
    others.team_name as other_team_name
from teams
inner join teams as others
    on
        teams.country_id = others.country_id
        and teams.normalised = others.normalised
        and teams.team_id < others.team_id
        and coalesce(teams.gender, '') = coalesce(others.gender, '')
where teams.normalised <> ''
