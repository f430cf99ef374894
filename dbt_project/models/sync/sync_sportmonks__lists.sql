{%- set lists = {
    'types': 'monthly', 'states': 'monthly', 'leagues': 'daily', 'seasons': 'daily', 'stages': 'daily',
    'rounds': 'weekly', 'teams': 'weekly', 'venues': 'monthly', 'standings': 'daily', 'fixtures': 'daily',
} -%}

with

clock as (

    select * from {{ ref('stg_ops__clock') }}

),

fixtures as (

    select * from {{ ref('stg_sportmonks__fixture_index') }}

),

rounds as (

    select * from {{ ref('stg_sportmonks__rounds') }}

),

participants as (

    select * from {{ ref('stg_sportmonks__participants') }}

),

teams as (

    select * from {{ ref('stg_sportmonks__teams') }}

),

lists as (

    {% for name, age_class in lists.items() -%}
    select
        '{{ name }}' as unit_id,
        '{{ age_class }}' as age_class,
        {{ 100 - loop.index }} as weight
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- a list that lacks what fixtures refer to is out of date, however young
lacking as (

    select distinct 'rounds' as unit_id
    from fixtures
    left join rounds on fixtures.round_id = rounds.round_id
    where fixtures.round_id is not null and rounds.round_id is null
    union all
    select distinct 'teams' as unit_id
    from participants
    left join teams on participants.team_id = teams.team_id
    where teams.team_id is null

),

-- daily is once on each day (UTC), at whatever hour the run comes
units as (

    select
        lists.unit_id,
        lists.age_class,
        lists.weight,
        lists.age_class = 'daily' or lacking.unit_id is not null as is_daily,
        {{ dbt.date_trunc('day', 'clock.now_at') }} as day_began_at
    from lists
    cross join clock
    left join lacking on lists.unit_id = lacking.unit_id

),

planned as (

    {{ sync_plan('sportmonks', 'lists', urgent='(units.is_daily and states.last_success_at < units.day_began_at)') }}

)

select * from planned
