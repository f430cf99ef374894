{{
    config(
        materialized='incremental',
        unique_key=['platform', 'stream_id', 'slot_at'],
        meta={'changes': ['platform', 'stream_id', 'begins_at', 'ends_at']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[
            {'columns': ['platform', 'stream_id', 'slot_at', 'kind'], 'unique': true},
            {'columns': ['ends_at']},
        ]
    )
}}

{%- set slot, whole = slot_seconds(), "date_trunc('second', started_at)" %}
{%- set new_snapshots = changes_of('fct_stream_snapshots') %}
{%- set new_spans = changes_of('int_live__streams_spanned') %}

{#-
    Broadcasts with news within what was seen of them before. Where all news comes after it, the slot seen last until then
    is the only other one that changes, and the change of the span tells it.
-#}
{%- set revised %}
    select spans.platform, spans.stream_id, min(spans.first_slot_at) as first_slot_at
    from {{ ref('int_live__streams_spanned') }} as spans
    inner join {{ new_snapshots }} as changed on spans.platform = changed.platform and spans.stream_id = changed.stream_id
    left join {{ new_spans }} as told on spans.platform = told.platform and spans.stream_id = told.stream_id
    group by spans.platform, spans.stream_id
    having min(changed.slot_at) <= least(min(told.last_slot_at), min(spans.last_slot_at))
{%- endset %}

{#- a stretch rests on a snapshot, the next one, and on being the first or last: spans tell that, before and after -#}
{%- call touched_keys() %}
    select platform, stream_id, slot_at from {{ new_snapshots }} as changed
    union all
    select platform, stream_id, first_slot_at from {{ new_spans }} as changed
    union all
    select platform, stream_id, last_slot_at from {{ new_spans }} as changed
    union all
    select platform, stream_id, preceding_slot_at
    from (
        select platform, stream_id, max(is_changed) as is_changed,
            max(max(seen_slot_at)) over (
                partition by platform, stream_id order by slot_at rows between unbounded preceding and 1 preceding
            ) as preceding_slot_at
        from (
            select platform, stream_id, slot_at, 1 as is_changed, cast(null as timestamp) as seen_slot_at
            from {{ new_snapshots }} as changed
            union all
            select snapshots.platform, snapshots.stream_id, snapshots.slot_at, 0, snapshots.slot_at
            from {{ ref('fct_stream_snapshots') }} as snapshots
            inner join ({{ revised }}) as revised
                on snapshots.platform = revised.platform and snapshots.stream_id = revised.stream_id
            where snapshots.slot_at >= {{ earliest('select min(first_slot_at) from (' ~ revised ~ ') as revised') }}
        ) as slots
        group by platform, stream_id, slot_at
    ) as ordered
    where is_changed = 1
{%- endcall %}

with

-- with those that are touched, what follows them
snapshots as (

    select snapshots.* from {{ ref('fct_stream_snapshots') }} as snapshots
    {%- if is_incremental() %}
    where
        exists (
            select 1 from {{ touched() }} as touched
            where
                touched.platform = snapshots.platform and touched.stream_id = snapshots.stream_id
                and touched.slot_at <= snapshots.slot_at
        )
        and snapshots.slot_at >= {{ earliest('select min(slot_at) from ' ~ touched()) }}
    {%- endif %}

),

ordered as (

    select
        *,
        lead(category_id) over (stream_slots) as next_category_id,
        lead(language) over (stream_slots) as next_language,
        lead(viewer_count) over (stream_slots) as next_viewer_count,
        date_trunc('second', fetched_at) as seen_at,
        lead(date_trunc('second', fetched_at)) over (stream_slots) as next_seen_at
    from snapshots
    window stream_slots as (partition by platform, stream_id order by slot_at)

),

-- each snapshot begins a stretch of airtime, and the first one has another before it
kinds as (

    select
        ordered.*,
        spans.closed_at,
        {{ series('case when ordered.slot_at = spans.first_slot_at then 0 else 1 end', 1) }} as stretch_number
    from ordered
    inner join {{ ref('int_live__streams_spanned') }} as spans
        on ordered.platform = spans.platform and ordered.stream_id = spans.stream_id
    where {{ is_touched('ordered') }}

),

timed as (

    select
        *,
        case when stretch_number = 0 then 'head' when next_seen_at is null then 'tail' else 'between' end as kind,
        case when stretch_number = 0 then least({{ whole }}, seen_at) else seen_at end as begins_at,
        case
            when stretch_number = 0 then seen_at
            when next_seen_at is null then seen_at + {{ slot // 2 }} * interval '1 second'
            else greatest(seen_at, next_seen_at)
        end as ends_at
    from kinds

),

final as (

    select
        platform,
        stream_id,
        channel_id,
        kind,
        category_id,
        case when kind = 'between' then next_category_id else category_id end as end_category_id,
        language,
        case when kind = 'between' then next_language else language end as end_language,
        viewer_count,
        case when kind = 'between' then next_viewer_count else viewer_count end as end_viewer_count,
        {{ seconds_between('begins_at', 'ends_at') }} as seconds,
        -- after a tail, until the poll that ended the broadcast; a slot while there is none
        case
            when kind = 'tail'
                then greatest({{ slot }}, {{ seconds_between('seen_at', 'closed_at') }}) - {{ slot // 2 }}
        end as unseen_seconds,
        begins_at,
        ends_at,
        slot_at,
        started_at,
        fetched_at
    from timed

)

select * from final
