{%- set requests_per_hour = env_var('SPORTMONKS_REQUESTS_PER_HOUR', '3000') | int -%}
{%- set batch_size = env_var('SPORTMONKS_BATCH_SIZE', '50') | int -%}

with

fixtures as (

    select * from {{ ref('sync_sportmonks__fixtures') }}

),

clock as (

    select * from {{ ref('stg_ops__clock') }}

),

chunks as (

    select
        league_id,
        season_id,
        chunk_position,
        chunk_score,
        chunk_due_count as due_count,
        count(*) as fixture_count,
        count(last_success_at) as fetched_count,
        min(last_success_at) as oldest_success_at
    from fixtures
    group by league_id, season_id, chunk_position, chunk_score, chunk_due_count

),

-- batches are packed over all chunks, so calls are counted up to each one and not for each one
counted as (

    select
        chunks.*,
        ceil(sum(chunks.due_count) over (order by chunks.chunk_position) / {{ batch_size }}.0) as calls_until_done
    from chunks

),

final as (

    select
        counted.league_id,
        counted.season_id,
        counted.chunk_position,
        counted.chunk_score,
        counted.fixture_count,
        counted.fetched_count,
        counted.due_count,
        cast(counted.fetched_count as double precision) / counted.fixture_count as progress,
        cast(counted.calls_until_done as bigint) as calls_until_done,
        counted.oldest_success_at,
        {{ dbt.dateadd(
            'second',
            'cast(greatest(ceil(counted.calls_until_done / ' ~ requests_per_hour ~ '.0) - 1, 0) * 3600 as int)',
            'clock.now_at',
        ) }} as earliest_end_at
    from counted
    cross join clock

)

select * from final
