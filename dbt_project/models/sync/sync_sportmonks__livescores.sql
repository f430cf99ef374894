with

fixtures as (

    select * from {{ ref('stg_sportmonks__fixture_index') }}

),

clock as (

    select * from {{ ref('stg_ops__clock') }}

),

-- only while something should be on: from kick-off for as long as extra time and penalties may take
live_fixtures as (

    select fixtures.fixture_id
    from fixtures
    cross join clock
    where {{ seconds_between('fixtures.kickoff_at', 'clock.now_at') }} between 0 and 3 * 3600

),

units as (

    select
        'inplay' as unit_id,
        'live' as age_class,
        count(*) as weight
    from live_fixtures
    having count(*) > 0

),

planned as (

    {{ sync_plan('sportmonks', 'livescores') }}

)

select * from planned
