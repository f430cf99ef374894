with

listings as (

    select * from {{ ref('stg_sportmonks__fixture_index') }}

),

-- only a list that was read from its beginning to its end tells what is not on it
sweeps as (

    select
        started_at,
        finished_at,
        cast(started_at as date) as swept_on
    from {{ ref('stg_ops__polls') }}
    where source = 'sportmonks' and resource = 'lists' and scope = 'fixtures' and is_complete and is_exhaustive

),

-- a page of the list is one moment: there are few of them, and many fixtures
moments as (

    select distinct fetched_at from listings

),

missed as (

    select
        moments.fetched_at,
        sweeps.swept_on,
        min(sweeps.finished_at) as finished_at
    from moments
    inner join sweeps on moments.fetched_at < sweeps.started_at
    group by moments.fetched_at, sweeps.swept_on

),

first_missed as (

    select
        fetched_at,
        min(swept_on) as swept_on,
        count(*) as absent_sweep_days
    from missed
    group by fetched_at

),

confirmed as (

    select
        missed.fetched_at,
        min(missed.finished_at) as tombstoned_at
    from missed
    inner join first_missed on missed.fetched_at = first_missed.fetched_at and missed.swept_on > first_missed.swept_on
    group by missed.fetched_at

),

final as (

    select
        listings.fixture_id,
        coalesce(first_missed.absent_sweep_days, 0) as absent_sweep_days,
        confirmed.fetched_at is not null as is_tombstoned,
        confirmed.tombstoned_at
    from listings
    left join first_missed on listings.fetched_at = first_missed.fetched_at
    left join confirmed on listings.fetched_at = confirmed.fetched_at

)

select * from final
