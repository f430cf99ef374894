with

clock as (

    select * from {{ ref('stg_ops__clock') }}

),

states as (

    select * from {{ ref('int_ops__sync_log_aged') }}
    where source = 'youtube' and resource = 'videos'

),

-- what is live is asked for in every slot that the quota reaches: two days without an answer are an end
videos as (

    select videos.*
    from {{ ref('stg_youtube__videos') }} as videos
    inner join clock on videos.slot_at >= clock.now_at - interval '2 days'

),

search_results as (

    select search_results.*
    from {{ ref('stg_youtube__search_results') }} as search_results
    inner join clock on search_results.slot_at >= clock.now_at - interval '1 day'

),

seen as (

    select
        stream_id,
        {{ latest_bigint('viewer_count', 'slot_at') }} as viewer_count,
        max(ended_at) as ended_at
    from videos
    group by stream_id

),

found as (

    select
        stream_id,
        max(fetched_at) as found_at
    from search_results
    group by stream_id

),

streams as (

    select stream_id from seen
    union
    select stream_id from found

),

-- a video that is over leaves, and one that was absent, unless it was found since
units as (

    select
        streams.stream_id as unit_id,
        'live' as age_class,
        seen.viewer_count as weight,
        seen.viewer_count,
        states.last_success_at is null as is_new
    from streams
    left join seen on streams.stream_id = seen.stream_id
    left join found on streams.stream_id = found.stream_id
    left join states on streams.stream_id = states.unit_id
    where
        seen.ended_at is null
        and (coalesce(states.status <> 'absent', true) or found.found_at > states.last_attempt_at)

),

planned as (

    {{ sync_plan('youtube', 'videos', columns=['is_new', 'viewer_count']) }}

)

select * from planned
