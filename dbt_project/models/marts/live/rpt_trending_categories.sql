with

category_slots as (

    select * from {{ ref('int_live__category_slots') }}

),

slots as (

    select * from {{ ref('int_live__slots_recorded') }}
    where is_complete

),

categories as (

    select * from {{ ref('dim_categories') }}

),

clock as (

    select max(now_at) as now_at from {{ ref('stg_ops__clock') }}

),

periods as (

    select
        '24h' as period,
        now_at - interval '48 hours' as previous_at,
        now_at - interval '24 hours' as since_at,
        now_at as until_at,
        {{ 86400 // slot_seconds() }} as polls_expected
    from clock
    union all
    select
        '7d' as period,
        now_at - interval '336 hours' as previous_at,
        now_at - interval '168 hours' as since_at,
        now_at as until_at,
        {{ 604800 // slot_seconds() }} as polls_expected
    from clock

),

-- the slots of each period and of the one before it, which has a weight of its own
period_slots as (

    select
        periods.period,
        slots.platform,
        slots.slot_at,
        case when slots.slot_at > periods.since_at then 1 else 0 end as is_current
    from periods
    inner join slots on periods.previous_at < slots.slot_at and periods.until_at >= slots.slot_at

),

polls as (

    select
        period,
        platform,
        cast(sum(is_current) as bigint) as polls_made,
        cast(sum(1 - is_current) as bigint) as previous_polls_made
    from period_slots
    group by period, platform

),

viewers as (

    select
        period_slots.period,
        period_slots.platform,
        category_slots.category_id,
        cast(sum(category_slots.viewer_count * period_slots.is_current) as bigint) as viewer_count_total,
        cast(sum(category_slots.viewer_count * (1 - period_slots.is_current)) as bigint) as previous_viewer_count_total
    from category_slots
    inner join period_slots
        on category_slots.platform = period_slots.platform and category_slots.slot_at = period_slots.slot_at
    where category_slots.category_id <> ''
    group by period_slots.period, period_slots.platform, category_slots.category_id

),

averaged as (

    select
        viewers.period,
        viewers.platform,
        viewers.category_id,
        cast(coalesce(viewers.viewer_count_total, 0) as double precision)
        / nullif(polls.polls_made, 0) as average_viewers,
        cast(coalesce(viewers.previous_viewer_count_total, 0) as double precision)
        / nullif(polls.previous_polls_made, 0) as previous_average_viewers,
        polls.polls_made,
        polls.previous_polls_made,
        periods.polls_expected
    from viewers
    inner join polls on viewers.period = polls.period and viewers.platform = polls.platform
    inner join periods on viewers.period = periods.period

),

final as (

    select
        averaged.period,
        row_number() over (
            partition by averaged.period, averaged.platform
            order by
                averaged.average_viewers - averaged.previous_average_viewers desc nulls last,
                {{ binary_order('averaged.category_id') }} asc
        ) as trend_rank,
        averaged.platform,
        averaged.category_id,
        categories.category_name,
        averaged.average_viewers,
        averaged.previous_average_viewers,
        averaged.average_viewers - averaged.previous_average_viewers as viewer_growth,
        averaged.average_viewers / nullif(averaged.previous_average_viewers, 0) - 1 as viewer_growth_ratio,
        least(1.0, cast(averaged.polls_made as double precision) / averaged.polls_expected) as coverage_ratio,
        least(1.0, cast(averaged.previous_polls_made as double precision) / averaged.polls_expected)
            as previous_coverage_ratio
    from averaged
    left join categories
        on averaged.platform = categories.platform and averaged.category_id = categories.category_id

)

select * from final
