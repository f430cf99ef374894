with

stretches as (

    select * from {{ ref('int_live__stream_stretches') }}

),

measured as (

    select
        *,
        {{ seconds_between("date_trunc('day', begins_at)", 'begins_at') }} as second_of_day,
        cast(floor(seconds / 2.0) as bigint) as middle_second,
        case when (category_id is distinct from end_category_id) then 1 else 0 end as category_changes,
        case
            when kind = 'between' then 2 * seconds > {{ 3 * slot_seconds() }}
            when kind = 'head' then seconds > {{ slot_seconds() }}
            else false
        end as is_imputed
    from stretches

),

-- cut in the middle where the category changed ...
halved as (

    select
        *,
        cast(floor((second_of_day + greatest(seconds, 1) - 1) / 86400.0) as bigint) as midnights,
        {{ series(0, 'category_changes') }} as half
    from measured

),

-- ... and at each midnight
cut as (

    select
        *,
        {{ series(0, 'midnights') }} as day_number
    from halved

),

spanned as (

    select
        *,
        greatest(half * middle_second, day_number * 86400 - second_of_day) as from_second,
        least(
            case when half < category_changes then middle_second else seconds end,
            (day_number + 1) * 86400 - second_of_day
        ) as until_second
    from cut

),

pieces as (

    select
        *,
        {{ viewing_until('until_second', 'seconds', 'viewer_count', 'end_viewer_count') }}
        - ({{ viewing_until('from_second', 'seconds', 'viewer_count', 'end_viewer_count') }}) as viewer_seconds,
        -- by how many viewers the straight line may be wrong
        abs(end_viewer_count - viewer_count) + 1
        + case
            when is_imputed then cast(floor((viewer_count + end_viewer_count) / 16.0) as bigint)
            else 0
        end as doubtful_viewers
    from spanned
    where until_second > from_second or (half = 0 and day_number = 0)

),

final as (

    select
        platform,
        stream_id,
        channel_id,
        case when half = 1 then end_category_id else category_id end as category_id,
        case when half = 1 then end_language else language end as language,
        kind,
        half * (midnights + 1) + day_number + 1 as piece_number,
        cast(begins_at + from_second * interval '1 second' as date) as day,
        until_second - from_second as seconds,
        viewer_seconds,
        case when kind in ('head', 'tail') then viewer_seconds end as viewer_seconds_below,
        case
            when kind = 'head' then viewer_seconds
            when kind = 'tail' and until_second = seconds then viewer_count * unseen_seconds
        end as viewer_seconds_above,
        case when kind = 'between' then doubtful_viewers * (until_second - from_second) end as viewer_seconds_doubtful,
        viewer_count,
        category_changes,
        is_imputed,
        begins_at + from_second * interval '1 second' as start_at,
        begins_at + until_second * interval '1 second' as end_at,
        ends_at,
        slot_at,
        started_at,
        fetched_at
    from pieces

)

select * from final
