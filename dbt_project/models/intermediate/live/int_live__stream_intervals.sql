{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        on_schema_change='append_new_columns',
        unique_key=['platform', 'stream_id', 'slot_at'],
        pre_hook="{{ plan_full_build() }}",
        indexes=[
            {'columns': ['platform', 'stream_id', 'slot_at', 'kind', 'piece_number'], 'unique': true},
            {'columns': ['slot_at']},
            {'columns': ['is_open', 'slot_at']},
            {'columns': ['closed_slot_at']},
            {'columns': ['loaded_at']},
        ]
    )
}}

{%- set is_new = unseen() %}
{%- set columns = ['platform', 'stream_id', 'channel_id', 'category_id', 'language', 'viewer_count', 'slot_at'] %}
{%- set slot = slot_seconds() %}
{%- set polled_since = earliest_unseen(ref('int_live__slots_polled'), 'slot_at') %}
{%- if is_incremental() and execute %}
    {%- set ended_since = earliest_ended(ref('int_live__slots_polled'), polled_since) %}
    {%- set continued_since = earliest_continued(ref('int_live__stream_snapshots_unioned')) %}
    {%- set preceding_since = 'least(' ~ ended_since ~ ', ' ~ continued_since ~ ')' %}
{%- endif %}

with

new_snapshots as (

    select * from {{ ref('int_live__stream_snapshots_unioned') }}
    where {{ is_new }}

),

{%- if is_incremental() %}

touched as (

    select
        platform,
        stream_id,
        min(slot_at) as slot_at
    from new_snapshots
    group by platform, stream_id

),

-- what is before the snapshot that precedes the earliest new one stays as it is
preceded as (

    select
        touched.platform,
        touched.stream_id,
        (
            select max(seen.slot_at)
            from {{ this }} as seen
            where
                seen.platform = touched.platform
                and seen.stream_id = touched.stream_id
                and seen.slot_at < touched.slot_at
                and seen.slot_at >= {{ preceding_since }}
        ) as slot_at
    from touched
    union all
    -- a poll ends a stream without a row of its own
    select
        tails.platform,
        tails.stream_id,
        tails.slot_at
    from {{ this }} as tails
    left join touched on tails.platform = touched.platform and tails.stream_id = touched.stream_id
    where
        (tails.is_open or tails.closed_slot_at >= {{ polled_since }})
        and tails.piece_number = 1
        and tails.slot_at >= {{ preceding_since }}
        and touched.stream_id is null

),

known as (

    select seen.*
    from {{ this }} as seen
    inner join preceded
        on
            seen.platform = preceded.platform
            and seen.stream_id = preceded.stream_id
            and seen.slot_at >= coalesce(preceded.slot_at, timestamp '0001-01-01 00:00:00')
    where seen.kind <> 'head' and seen.piece_number = 1 and seen.slot_at >= {{ preceding_since }}

),

{%- endif %}

slots as (

    select * from {{ ref('int_live__slots_polled') }}
    where is_complete
    {%- if is_incremental() %}
        and slot_at >= least(
            {{ earliest_open(polled_since) }},
            (select coalesce(min(touched.slot_at), timestamp '9999-01-01 00:00:00') from touched)
        )
    {%- endif %}

),

{%- if is_incremental() %}

versions as (

    select
        {{ columns | join(', ') }},
        started_at,
        fetched_at,
        loaded_at,
        true as is_first,
        1 as version_number
    from new_snapshots
    union all
    select
        {{ columns | join(', ') }},
        started_at,
        fetched_at,
        snapshot_loaded_at as loaded_at,
        is_first,
        2 as version_number
    from known

),

ranked as (

    select
        *,
        row_number() over (partition by platform, stream_id, slot_at order by version_number) as version_rank
    from versions

),

snapshots as (

    select * from ranked
    where version_rank = 1

),

{%- else %}

snapshots as (

    select
        *,
        true as is_first
    from new_snapshots

),

{%- endif %}

ordered as (

    select
        {{ columns | join(', ') }},
        started_at,
        fetched_at,
        loaded_at as snapshot_loaded_at,
        is_first and row_number() over (stream_slots) = 1 as is_first,
        date_trunc('second', fetched_at) as seen_at,
        lead(date_trunc('second', fetched_at)) over (stream_slots) as next_seen_at,
        lead(viewer_count) over (stream_slots) as next_viewer_count,
        lead(category_id) over (stream_slots) as next_category_id,
        lead(language) over (stream_slots) as next_language,
        lead(loaded_at) over (stream_slots) as next_loaded_at
    from snapshots
    window stream_slots as (partition by platform, stream_id order by slot_at)

),

-- each snapshot begins a stretch of airtime, and the first one has another before it
stretches as (

    select
        *,
        {{ series('case when is_first then 0 else 1 end', 1) }} as stretch_number
    from ordered

),

kinds as (

    select
        *,
        case
            when stretch_number = 0 then 'head'
            when next_seen_at is null then 'tail'
            else 'between'
        end as kind
    from stretches

),

timed as (

    select
        *,
        case when kind = 'head' then least(date_trunc('second', started_at), seen_at) else seen_at end as begins_at,
        case
            when kind = 'head' then greatest(0, {{ seconds_between("date_trunc('second', started_at)", 'seen_at') }})
            when kind = 'tail' then {{ slot // 2 }}
            else greatest(0, {{ seconds_between('seen_at', 'next_seen_at') }})
        end as stretch_seconds,
        case when kind = 'between' then next_viewer_count else viewer_count end as end_viewer_count,
        case when kind = 'between' and (category_id is distinct from next_category_id) then 1 else 0 end
            as category_changes
    from kinds

),

measured as (

    select
        *,
        {{ seconds_between("date_trunc('day', begins_at)", 'begins_at') }} as second_of_day,
        cast(floor(stretch_seconds / 2.0) as bigint) as middle_second,
        case
            when kind = 'between' then 2 * stretch_seconds > {{ 3 * slot }}
            when kind = 'head' then stretch_seconds > {{ slot }}
            else false
        end as is_imputed
    from timed

),

-- cut in the middle where the category changed ...
halved as (

    select
        *,
        cast(floor((second_of_day + greatest(stretch_seconds, 1) - 1) / 86400.0) as bigint) as midnights,
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
            case when half < category_changes then middle_second else stretch_seconds end,
            (day_number + 1) * 86400 - second_of_day
        ) as until_second
    from cut

),

pieces as (

    select
        *,
        half * (midnights + 1) + day_number + 1 as piece_number,
        until_second - from_second as seconds,
        until_second = stretch_seconds as is_last_piece,
        {{ viewing_until('until_second', 'stretch_seconds', 'viewer_count', 'end_viewer_count') }}
        - ({{ viewing_until('from_second', 'stretch_seconds', 'viewer_count', 'end_viewer_count') }}) as viewer_seconds,
        -- by how many viewers the straight line may be wrong
        abs(end_viewer_count - viewer_count) + 1
        + case
            when is_imputed then cast(floor((viewer_count + end_viewer_count) / 16.0) as bigint)
            else 0
        end as doubtful_viewers
    from spanned
    where until_second > from_second or (half = 0 and day_number = 0)

),

complete_slots as (

    select
        *,
        lag(slot_at) over (partition by platform order by slot_at) as previous_slot_at
    from slots

),

-- for each slot, the next one whose polls were all complete: only they tell that a stream is over
next_slots as (

    select
        platform,
        slot_at as closed_slot_at,
        finished_at,
        loaded_at,
        {{ series(
            'coalesce(' ~ slot_number('previous_slot_at') ~ ', ' ~ slot_number('slot_at') ~ ' - ' ~ (604800 // slot) ~ ')',
            slot_number('slot_at') ~ ' - 1'
        ) }} as slot_number
    from complete_slots

),

closed as (

    select
        pieces.*,
        next_slots.closed_slot_at,
        greatest(
            {{ slot }}, {{ seconds_between('pieces.seen_at', 'next_slots.finished_at') }}
        ) - pieces.stretch_seconds as unseen_seconds,
        next_slots.loaded_at as closed_loaded_at
    from pieces
    left join next_slots
        on
            pieces.kind = 'tail'
            and pieces.platform = next_slots.platform
            and {{ slot_number('pieces.slot_at') }} = next_slots.slot_number

),

final as (

    select
        platform,
        stream_id,
        channel_id,
        case when half = 1 then next_category_id else category_id end as category_id,
        case when half = 1 then next_language else language end as language,
        kind,
        piece_number,
        cast(begins_at + from_second * interval '1 second' as date) as day,
        seconds,
        viewer_seconds,
        case
            when kind in ('head', 'tail') then viewer_seconds
        end as viewer_seconds_below,
        case
            when kind = 'head' then viewer_seconds
            when kind = 'tail' and is_last_piece then viewer_count * unseen_seconds
        end as viewer_seconds_above,
        case when kind = 'between' then doubtful_viewers * seconds end as viewer_seconds_doubtful,
        viewer_count,
        category_changes,
        is_imputed,
        is_first,
        kind = 'tail' and closed_slot_at is null as is_open,
        begins_at + from_second * interval '1 second' as start_at,
        begins_at + until_second * interval '1 second' as end_at,
        slot_at,
        closed_slot_at,
        started_at,
        fetched_at,
        snapshot_loaded_at,
        greatest(
            snapshot_loaded_at, case when kind = 'between' then next_loaded_at end, closed_loaded_at
        ) as loaded_at
    from closed

)

select * from final
