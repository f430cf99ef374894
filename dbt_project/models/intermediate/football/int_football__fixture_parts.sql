{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        meta={'changes': ['fixture_id']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id'], 'unique': true}]
    )
}}

{%- set children = {'events': 'event', 'statistics': 'statistic', 'lineups': 'lineup', 'periods': 'period'} -%}

{%- call touched_keys() %}
{%- for child in ['participants'] + children.keys() | list %}
    select fixture_id from {{ ref('stg_sportmonks__' ~ child) }} where {{ is_new() }}
    union all
{%- endfor %}
    select participants.fixture_id
    from {{ ref('stg_sportmonks__participants') }} as participants
    inner join {{ changes_of('int_football__teams_aliased') }} as changed on participants.team_id = changed.team_id
    union all
    select fixture_id from {{ changes_of('int_football__fixture_answers') }} as changed
{%- endcall %}

with

answers as (

    select answers.* from {{ ref('int_football__fixture_answers') }} as answers
    where {{ is_touched('answers') }}

),

aliases as (

    select * from {{ ref('int_football__teams_aliased') }}

),

participants as (

    select
        participants.fixture_id,
        participants.request_id,
        participants.side,
        participants.is_winner,
        coalesce(aliases.canonical_team_id, participants.team_id) as team_id
    from {{ ref('stg_sportmonks__participants') }} as participants
    left join aliases on participants.team_id = aliases.team_id
    where {{ is_touched('participants') }}

),

sides as (

    select
        participants.fixture_id,
        max(participants.team_id) filter (where participants.side = 'home') as home_team_id,
        max(participants.team_id) filter (where participants.side = 'away') as away_team_id,
        max(participants.team_id) filter (where participants.is_winner) as winner_team_id
    from participants
    inner join answers
        on participants.fixture_id = answers.fixture_id and participants.request_id = answers.request_id
    group by participants.fixture_id

),

{% for child, name in children.items() -%}
{{ child }} as (

    select
        children.fixture_id,
        count(*) as {{ name }}_count
    from {{ ref('stg_sportmonks__' ~ child) }} as children
    inner join answers on children.fixture_id = answers.fixture_id and children.request_id = answers.request_id
    where {{ is_touched('children') }}
    group by children.fixture_id

),

{% endfor -%}
final as (

    select
        answers.fixture_id,
        {%- for child, name in children.items() %}
        coalesce({{ child }}.{{ name }}_count, 0) as {{ name }}_count,
        {%- endfor %}
        sides.home_team_id,
        sides.away_team_id,
        sides.winner_team_id
    from answers
    left join sides on answers.fixture_id = sides.fixture_id
    {%- for child in children %}
    left join {{ child }} on answers.fixture_id = {{ child }}.fixture_id
    {%- endfor %}

)

select * from final
