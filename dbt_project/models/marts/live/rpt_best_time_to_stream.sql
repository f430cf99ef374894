{#- the categories that are told one by one: those with the most viewers -#}
{%- set category_limit = 100 %}

with

category_slots as (

    select * from {{ ref('int_live__category_slots') }}

),

slots as (

    select * from {{ ref('int_live__slots_recorded') }}
    where is_complete

),

clock as (

    select max(now_at) as now_at from {{ ref('stg_ops__clock') }}

),

weeks as (

    select
        slots.platform,
        slots.slot_at,
        cast(date_part('isodow', slots.slot_at) as bigint) as weekday,
        cast(date_part('hour', slots.slot_at) as bigint) as hour
    from slots
    cross join clock
    where slots.slot_at > clock.now_at - interval '672 hours' and slots.slot_at <= clock.now_at

),

polls as (

    select
        platform,
        weekday,
        hour,
        count(*) as polls_made
    from weeks
    group by platform, weekday, hour

),

live_slots as (

    select
        category_slots.platform,
        category_slots.category_id,
        weeks.weekday,
        weeks.hour,
        cast(sum(category_slots.viewer_count) as bigint) as viewer_count_total,
        cast(sum(category_slots.stream_count) as bigint) as stream_count_total,
        cast(sum(category_slots.counted_streams) as bigint) as counted_stream_total
    from category_slots
    inner join weeks on category_slots.platform = weeks.platform and category_slots.slot_at = weeks.slot_at
    group by category_slots.platform, category_slots.category_id, weeks.weekday, weeks.hour

),

ranked as (

    select
        platform,
        category_id,
        row_number() over (
            partition by platform
            order by sum(viewer_count_total) desc nulls last, {{ binary_order('category_id') }} asc
        ) as position
    from live_slots
    where category_id <> ''
    group by platform, category_id

),

chosen as (

    select
        live_slots.*,
        live_slots.category_id as scope
    from live_slots
    inner join ranked on live_slots.platform = ranked.platform and live_slots.category_id = ranked.category_id
    where ranked.position <= {{ category_limit }}
    union all
    select
        live_slots.*,
        'all' as scope
    from live_slots

),

hours as (

    select
        platform,
        scope as category_id,
        weekday,
        hour,
        cast(sum(viewer_count_total) as bigint) as viewer_count_total,
        cast(sum(stream_count_total) as bigint) as stream_count_total,
        cast(sum(counted_stream_total) as bigint) as counted_stream_total
    from chosen
    group by platform, scope, weekday, hour

),

final as (

    select
        hours.platform,
        hours.category_id,
        hours.weekday,
        hours.hour,
        cast(hours.viewer_count_total as double precision)
        / nullif(hours.counted_stream_total, 0) as viewers_per_stream,
        cast(hours.viewer_count_total as double precision) / polls.polls_made as average_viewers,
        cast(hours.stream_count_total as double precision) / polls.polls_made as average_streams,
        row_number() over (
            partition by hours.platform, hours.category_id
            order by
                cast(hours.viewer_count_total as double precision)
                / nullif(hours.counted_stream_total, 0) desc nulls last,
                hours.weekday asc,
                hours.hour asc
        ) as time_rank,
        polls.polls_made,
        least(
            1.0, cast(polls.polls_made as double precision) / {{ 4 * 3600 // slot_seconds() }}
        ) as coverage_ratio
    from hours
    inner join polls
        on hours.platform = polls.platform and hours.weekday = polls.weekday and hours.hour = polls.hour

)

select * from final
