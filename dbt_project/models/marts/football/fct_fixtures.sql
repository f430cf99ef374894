{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        pre_hook="{{ plan_full_build() }}",
        indexes=[
            {'columns': ['fixture_id'], 'unique': true},
            {'columns': ['season_id']},
            {'columns': ['loaded_at']},
            {'columns': ['revised_at']},
        ]
    )
}}

with

observations as (

    select * from {{ ref('int_football__fixtures_observed') }}

),

new_observations as (

    select * from observations
    where {{ unseen() }}

),

listings as (

    select * from {{ ref('stg_sportmonks__fixture_index') }}

),

new_listings as (

    select * from listings
    where {{ unseen() }}

),

absences as (

    select * from {{ ref('int_football__fixture_absences') }}

),

participants as (

    select * from {{ ref('stg_sportmonks__participants') }}

),

teams as (

    select * from {{ ref('int_football__teams_resolved') }}

),

stages as (

    select * from {{ ref('stg_sportmonks__stages') }}

),

rounds as (

    select * from {{ ref('stg_sportmonks__rounds') }}

),

states as (

    select * from {{ ref('stg_sportmonks__states') }}

),

-- a listing that tells what the details tell, as most do every day, touches nothing
touched as (

    select fixture_id from new_observations
    union
    select new_listings.fixture_id
    from new_listings
    {%- if is_incremental() %}
    left join {{ this }} as known
        on
            new_listings.fixture_id = known.fixture_id
            and new_listings.base_hash = known.base_hash
            and not known.is_deleted
    where known.fixture_id is null
    union
    select known.fixture_id
    from {{ this }} as known
    inner join absences on known.fixture_id = absences.fixture_id
    where absences.is_tombstoned and not known.is_deleted
    {%- endif %}

),

scored as (

    select
        observations.*,
        case
            when observations.is_settled then {{ score_text('observations.home_goals', 'observations.away_goals') }}
        end as score
    from observations
    inner join touched on observations.fixture_id = touched.fixture_id

),

compared as (

    select
        *,
        row_number() over (partition by fixture_id order by fetched_at desc) as recency,
        row_number() over (partition by fixture_id, score order by fetched_at) as score_sighting,
        row_number() over (partition by fixture_id, score is null order by fetched_at) as score_number,
        lag(base_hash) over (partition by fixture_id order by fetched_at) as previous_base_hash,
        lag(score) over (partition by fixture_id order by fetched_at) as previous_score
    from scored

),

history as (

    select
        fixture_id,
        max(score) filter (where score_number = 1) as first_score,
        count(score) filter (where score_sighting = 1) as score_versions,
        max(loaded_at) filter (
            where (base_hash is distinct from previous_base_hash) or (score is distinct from previous_score)
        ) as revised_at
    from compared
    group by fixture_id

),

details as (

    select * from compared
    where recency = 1

),

-- the base fields, from whichever answer is the newer
base_versions as (

    {%- set base_columns = [
        'fixture_id', 'league_id', 'season_id', 'stage_id', 'group_id', 'aggregate_id', 'round_id', 'state_id', 'venue_id',
        'fixture_name', 'result_info', 'leg', 'kickoff_at', 'fetched_at',
    ] %}

    select
        {%- for column in base_columns %}
        {{ column }},
        {%- endfor %}
        is_placeholder,
        false as is_listing,
        loaded_at
    from details
    union all
    select
        {%- for column in base_columns %}
        listings.{{ column }},
        {%- endfor %}
        coalesce(listings.is_placeholder, false) as is_placeholder,
        true as is_listing,
        listings.loaded_at
    from listings
    inner join touched on listings.fixture_id = touched.fixture_id
    left join details on listings.fixture_id = details.fixture_id
    where
        details.fixture_id is null
        or (listings.fetched_at > details.fetched_at and listings.base_hash <> details.base_hash)

),

base as (

    select
        *,
        row_number() over (partition by fixture_id order by fetched_at desc) as recency
    from base_versions

),

sides as (

    select
        participants.fixture_id,
        max(coalesce(teams.canonical_team_id, participants.team_id)) filter (
            where participants.side = 'home'
        ) as home_team_id,
        max(coalesce(teams.canonical_team_id, participants.team_id)) filter (
            where participants.side = 'away'
        ) as away_team_id,
        max(coalesce(teams.canonical_team_id, participants.team_id)) filter (
            where participants.is_winner
        ) as winner_team_id
    from participants
    inner join details
        on participants.fixture_id = details.fixture_id and participants.request_id = details.request_id
    left join teams on participants.team_id = teams.team_id
    group by participants.fixture_id

),

{% set children = {'events': 'event', 'statistics': 'statistic', 'lineups': 'lineup', 'periods': 'period'} -%}
{% for child, name in children.items() -%}
{{ child }} as (

    select
        children.fixture_id,
        count(*) as {{ name }}_count
    from {{ ref('stg_sportmonks__' ~ child) }} as children
    inner join details on children.fixture_id = details.fixture_id and children.request_id = details.request_id
    group by children.fixture_id

),

{% endfor -%}
joined as (

    select
        base.fixture_id,
        base.league_id,
        base.season_id,
        base.stage_id,
        base.group_id,
        base.aggregate_id,
        base.round_id,
        base.venue_id,
        base.state_id,
        sides.home_team_id,
        sides.away_team_id,
        sides.winner_team_id,
        details.request_id,
        base.fixture_name,
        stages.stage_name,
        rounds.round_name,
        states.state,
        base.result_info,
        base.leg,
        details.base_hash,
        history.first_score,
        details.score as latest_score,
        {%- for column in ['goals', 'half_time_goals', 'extra_time_goals', 'penalty_goals'] %}
        details.home_{{ column }},
        details.away_{{ column }},
        {%- endfor %}
        coalesce(history.score_versions, 0) as score_versions,
        {%- for child, name in children.items() %}
        coalesce({{ child }}.{{ name }}_count, 0) as {{ name }}_count,
        {%- endfor %}
        {{ in_states('base.state_id', 'final') }} as is_final,
        {{ in_states('base.state_id', 'decided') }} as is_decided_off_pitch,
        {{ in_states('base.state_id', 'dead') }} as is_dead,
        coalesce(stages.type_id not in (224, 225), true) as is_table_stage,
        base.is_placeholder,
        base.state_id = 20 or coalesce(absences.is_tombstoned, false) as is_deleted,
        -- the score counts only from details, and only of a state that settles it, now and when they were fetched
        coalesce(details.is_settled, false)
        and (
            {{ in_states('base.state_id', 'final') }} or {{ in_states('base.state_id', 'decided') }}
        ) as is_settled,
        base.kickoff_at,
        case
            when base.state_id = 20 then base.fetched_at
            when absences.is_tombstoned then absences.tombstoned_at
        end as deleted_at,
        details.fetched_at,
        case when base.is_listing then base.loaded_at end as listing_loaded_at,
        case when absences.is_tombstoned then absences.loaded_at end as tombstone_loaded_at,
        details.loaded_at as details_loaded_at,
        history.revised_at as details_revised_at
    from base
    left join details on base.fixture_id = details.fixture_id
    left join history on base.fixture_id = history.fixture_id
    left join sides on base.fixture_id = sides.fixture_id
    left join absences on base.fixture_id = absences.fixture_id
    left join stages on base.stage_id = stages.stage_id
    left join rounds on base.round_id = rounds.round_id
    left join states on base.state_id = states.state_id
    {%- for child in children %}
    left join {{ child }} on base.fixture_id = {{ child }}.fixture_id
    {%- endfor %}
    where base.recency = 1

),

final as (

    select
        fixture_id,
        league_id,
        season_id,
        stage_id,
        group_id,
        aggregate_id,
        round_id,
        venue_id,
        state_id,
        home_team_id,
        away_team_id,
        winner_team_id,
        request_id,
        fixture_name,
        stage_name,
        round_name,
        state,
        result_info,
        leg,
        base_hash,
        case
            when not is_settled then null
            when home_goals > away_goals then 'home'
            when home_goals < away_goals then 'away'
            when home_goals = away_goals then 'draw'
        end as result,
        first_score,
        case when is_settled then latest_score end as latest_score,
        {%- for column in ['goals', 'half_time_goals', 'extra_time_goals', 'penalty_goals'] %}
        case when is_settled then home_{{ column }} end as home_{{ column }},
        case when is_settled then away_{{ column }} end as away_{{ column }},
        {%- endfor %}
        score_versions,
        {%- for name in children.values() %}
        {{ name }}_count,
        {%- endfor %}
        is_final,
        is_decided_off_pitch,
        is_dead,
        is_table_stage,
        is_settled
        and is_table_stage
        and not is_deleted
        and home_goals is not null
        and away_goals is not null
        and home_team_id is not null
        and away_team_id is not null
        and kickoff_at is not null as is_in_table,
        is_placeholder,
        is_deleted,
        kickoff_at,
        deleted_at,
        fetched_at,
        greatest(details_revised_at, listing_loaded_at, tombstone_loaded_at) as revised_at,
        greatest(details_loaded_at, listing_loaded_at, tombstone_loaded_at) as loaded_at
    from joined

)

select * from final
