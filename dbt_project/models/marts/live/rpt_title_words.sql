{#- shorter ones are mostly those that every title has; rarer ones say nothing -#}
{%- set minimum_length = 4 %}
{%- set minimum_streams = 5 %}

with

clock as (

    select max(now_at) as now_at from {{ ref('stg_ops__clock') }}

),

streams as (

    select streams.*
    from {{ ref('fct_streams') }} as streams
    cross join clock
    where
        streams.started_at > clock.now_at - interval '672 hours'
        and streams.viewer_seconds is not null
        and streams.last_title is not null

),

channels as (

    select
        platform,
        channel_id,
        cast(sum(viewer_seconds) as double precision) / nullif(sum(airtime_seconds), 0) as usual_viewers
    from streams
    group by platform, channel_id

),

split as (

    select
        platform,
        stream_id,
        {{ words('last_title') }} as word
    from streams

),

stream_words as (

    select distinct
        platform,
        stream_id,
        word
    from split
    where length(word) >= {{ minimum_length }}

),

-- viewing that the channel's usual viewers would have made of the same airtime, whole
compared as (

    select
        streams.platform,
        coalesce(streams.language, 'other') as language,
        stream_words.word,
        streams.channel_id,
        streams.viewer_seconds,
        streams.airtime_seconds,
        cast(floor(channels.usual_viewers * streams.airtime_seconds) as bigint) as usual_viewer_seconds,
        streams.polls_made,
        streams.polls_expected
    from stream_words
    inner join streams
        on stream_words.platform = streams.platform and stream_words.stream_id = streams.stream_id
    inner join channels on streams.platform = channels.platform and streams.channel_id = channels.channel_id

),

final as (

    select
        platform,
        language,
        word,
        count(*) as stream_count,
        count(distinct channel_id) as channel_count,
        cast(sum(viewer_seconds) as double precision) / nullif(sum(airtime_seconds), 0) as average_viewers,
        cast(sum(viewer_seconds) as double precision) / nullif(sum(usual_viewer_seconds), 0) as lift_ratio,
        cast(sum(polls_made) as double precision) / nullif(sum(polls_expected), 0) as coverage_ratio
    from compared
    group by platform, language, word
    having count(*) >= {{ minimum_streams }}

)

select * from final
