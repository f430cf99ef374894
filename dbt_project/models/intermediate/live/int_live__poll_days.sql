{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key=['platform', 'day'],
        meta={'changes': ['platform', 'day']}
    )
}}

with

slots as (

    select * from {{ ref('int_live__slots_recorded') }}

),

clock as (

    select max(now_at) as now_at from {{ ref('stg_ops__clock') }}

),

periods as (

    select
        slots.platform,
        min(slots.slot_at) as first_slot_at,
        greatest(max(slots.slot_at), max(clock.now_at)) as last_slot_at
    from slots
    cross join clock
    group by slots.platform

),

numbered as (

    select
        *,
        {{ series(0, "cast(last_slot_at as date) - cast(first_slot_at as date)") }} as day_number
    from periods

),

days as (

    select
        platform,
        cast(cast(first_slot_at as date) + cast(day_number as integer) as date) as day,
        first_slot_at,
        last_slot_at
    from numbered

),

expected as (

    select
        platform,
        day,
        {{ slot_number("least(last_slot_at, cast(day as timestamp) + interval '86399 seconds')") }}
        - {{ slot_number('greatest(first_slot_at, cast(day as timestamp))') }} + 1 as polls_expected
    from days

),

made as (

    select
        platform,
        cast(slot_at as date) as day,
        sum(case when is_complete then 1 else 0 end) as polls_made
    from slots
    group by platform, cast(slot_at as date)

),

final as (

    select
        expected.platform,
        expected.day,
        greatest(expected.polls_expected, 0) as polls_expected,
        cast(coalesce(made.polls_made, 0) as bigint) as polls_made,
        coalesce(
            least(1.0, cast(made.polls_made as double precision) / nullif(expected.polls_expected, 0)), 0
        ) as coverage_ratio,
        greatest(expected.polls_expected, 0) * {{ slot_seconds() }} as covered_seconds
    from expected
    left join made on expected.platform = made.platform and expected.day = made.day

)

select * from final
