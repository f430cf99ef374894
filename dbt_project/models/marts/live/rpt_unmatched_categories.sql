with

categories as (

    select * from {{ ref('dim_categories') }}
    where not is_matched

),

streams as (

    select * from {{ ref('fct_streams') }}
    where last_category_id is not null

),

streamed as (

    select
        platform,
        last_category_id as category_id,
        count(*) as stream_count,
        count(case when is_live then stream_id end) as live_stream_count,
        cast(sum(case when is_live then last_viewer_count end) as bigint) as live_viewer_count,
        max(last_seen_at) as last_seen_at
    from streams
    group by platform, last_category_id

),

joined as (

    select
        categories.platform,
        categories.category_id,
        categories.unified_category_id,
        categories.category_name,
        coalesce(streamed.live_stream_count, 0) as live_stream_count,
        case
            when coalesce(streamed.live_stream_count, 0) = 0 then 0
            else streamed.live_viewer_count
        end as live_viewer_count,
        coalesce(streamed.stream_count, 0) as stream_count,
        streamed.last_seen_at
    from categories
    left join streamed
        on categories.platform = streamed.platform and categories.category_id = streamed.category_id

),

final as (

    select
        row_number() over (
            order by
                live_viewer_count desc nulls last,
                live_stream_count desc,
                stream_count desc,
                platform asc,
                {{ binary_order('category_id') }} asc
        ) as viewer_rank,
        platform,
        category_id,
        unified_category_id,
        category_name,
        live_stream_count,
        live_viewer_count,
        stream_count,
        last_seen_at
    from joined

)

select * from final
