{#- who is too small to tell growth from chance is left out -#}
{%- set minimum_viewers = 10 %}
{%- set minimum_airtime_seconds = 7200 %}

with

channel_days as (

    select * from {{ ref('fct_channel_days') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

poll_days as (

    select * from {{ ref('int_live__poll_days') }}

),

clock as (

    select cast(max(now_at) as date) as today from {{ ref('stg_ops__clock') }}

),

weeks as (

    select
        channel_days.*,
        case when channel_days.day > clock.today - 7 then 1 else 0 end as is_current
    from channel_days
    cross join clock
    where channel_days.day > clock.today - 14 and channel_days.day <= clock.today

),

polls as (

    select
        poll_days.platform,
        cast(sum(case when poll_days.day > clock.today - 7 then poll_days.polls_made else 0 end) as bigint)
            as polls_made,
        cast(sum(case when poll_days.day <= clock.today - 7 then poll_days.polls_made else 0 end) as bigint)
            as previous_polls_made
    from poll_days
    cross join clock
    where poll_days.day > clock.today - 14 and poll_days.day <= clock.today
    group by poll_days.platform

),

totals as (

    select
        platform,
        channel_id,
        cast(sum(viewer_seconds * is_current) as bigint) as viewer_seconds,
        cast(sum((airtime_seconds - hidden_seconds) * is_current) as bigint) as airtime_seconds,
        cast(sum(viewer_seconds * (1 - is_current)) as bigint) as previous_viewer_seconds,
        cast(sum((airtime_seconds - hidden_seconds) * (1 - is_current)) as bigint) as previous_airtime_seconds,
        max(case when is_current = 1 then follower_count end) as follower_count,
        max(case when is_current = 0 then follower_count end) as previous_follower_count
    from weeks
    group by platform, channel_id

),

averaged as (

    select
        *,
        cast(viewer_seconds as double precision) / nullif(airtime_seconds, 0) as average_viewers,
        cast(previous_viewer_seconds as double precision)
        / nullif(previous_airtime_seconds, 0) as previous_average_viewers
    from totals

),

grown as (

    select
        *,
        average_viewers / previous_average_viewers - 1 as viewer_growth_ratio,
        row_number() over (
            order by
                average_viewers / previous_average_viewers desc,
                platform asc,
                {{ binary_order('channel_id') }} asc
        ) as growth_rank
    from averaged
    where
        average_viewers >= {{ minimum_viewers }}
        and previous_average_viewers >= {{ minimum_viewers }}
        and airtime_seconds >= {{ minimum_airtime_seconds }}
        and previous_airtime_seconds >= {{ minimum_airtime_seconds }}

),

final as (

    select
        grown.growth_rank,
        grown.platform,
        grown.channel_id,
        channels.channel_login,
        channels.channel_name,
        grown.average_viewers,
        grown.previous_average_viewers,
        grown.viewer_growth_ratio,
        grown.airtime_seconds,
        grown.previous_airtime_seconds,
        grown.follower_count,
        grown.follower_count - grown.previous_follower_count as follower_gain,
        cast(grown.follower_count as double precision)
        / nullif(grown.previous_follower_count, 0) - 1 as follower_growth_ratio,
        least(
            1.0, cast(polls.polls_made as double precision) / {{ 7 * 86400 // slot_seconds() }}
        ) as coverage_ratio,
        least(
            1.0, cast(polls.previous_polls_made as double precision) / {{ 7 * 86400 // slot_seconds() }}
        ) as previous_coverage_ratio
    from grown
    left join channels on grown.platform = channels.platform and grown.channel_id = channels.channel_id
    left join polls on grown.platform = polls.platform
    where grown.growth_rank <= 500

)

select * from final
