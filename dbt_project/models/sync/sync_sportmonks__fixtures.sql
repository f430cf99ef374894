with

fixtures as (

    select * from {{ ref('stg_sportmonks__fixture_index') }}

),

absences as (

    select * from {{ ref('int_football__fixture_absences') }}

),

clock as (

    select * from {{ ref('stg_ops__clock') }}

),

timed as (

    select
        fixtures.fixture_id,
        fixtures.league_id,
        fixtures.season_id,
        fixtures.kickoff_at,
        fixtures.base_hash,
        coalesce(absences.absent_sweep_days, 0) as absent_sweep_days,
        -- to be announced, postponed, suspended, delayed, interrupted, awaiting updates, pending
        fixtures.kickoff_at is null or fixtures.state_id in (10, 11, 13, 16, 18, 19, 26) as is_unsettled,
        {{ seconds_between('fixtures.kickoff_at', 'clock.now_at') }} / 3600.0 as hours_since_kickoff
    from fixtures
    cross join clock
    left join absences on fixtures.fixture_id = absences.fixture_id
    where not coalesce(absences.is_tombstoned, false)

),

units as (

    select
        cast(fixture_id as {{ dbt.type_string() }}) as unit_id,
        case
            when absent_sweep_days > 0 then 'suspect'
            when hours_since_kickoff between 0 and 2.5 then 'live'
            when is_unsettled and coalesce(abs(hours_since_kickoff), 0) < 14 * 24 then 'unsettled'
            when hours_since_kickoff < -14 * 24 then 'later'
            when hours_since_kickoff < -48 then 'next_fortnight'
            when hours_since_kickoff < 0 then 'next_two_days'
            when hours_since_kickoff < 24 + 2.5 then 'finished_today'
            when hours_since_kickoff < 7 * 24 then 'finished_this_week'
            when hours_since_kickoff < 30 * 24 then 'finished_this_month'
            else 'settled'
        end as age_class,
        0 as weight,
        league_id,
        season_id,
        kickoff_at,
        base_hash
    from timed

),

-- the list shows another version than the one whose details were fetched
planned as (

    {{ sync_plan(
        'sportmonks', 'fixtures', urgent='coalesce(units.base_hash <> states.bookmark, false)',
        columns=['league_id', 'season_id', 'kickoff_at'],
    ) }}

),

-- fixtures of one season are fetched together, the season with the most urgent one first
chunks as (

    select
        league_id,
        season_id,
        count(case when is_due then 1 end) as chunk_due_count,
        max(case when is_due then priority end) as chunk_score,
        row_number() over (
            order by
                max(case when is_due then priority end) desc nulls last,
                max(case when is_due then kickoff_at end) desc nulls last,
                league_id asc,
                season_id asc
        ) as chunk_position
    from planned
    group by league_id, season_id

),

final as (

    select
        planned.*,
        chunks.chunk_due_count,
        chunks.chunk_score,
        chunks.chunk_position
    from planned
    inner join chunks on planned.league_id = chunks.league_id and planned.season_id = chunks.season_id

)

select * from final
