{{
    config(
        materialized='incremental',
        unique_key=['platform', 'stream_id'],
        meta={'changes': ['platform', 'stream_id', 'first_slot_at', 'last_slot_at']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[
            {'columns': ['platform', 'stream_id'], 'unique': true},
            {'columns': ['closed_slot_at']},
        ]
    )
}}

{%- set new_snapshots = changes_of('fct_stream_snapshots') %}
{%- set new_slots = changes_of('int_live__slots_recorded') %}
{%- set snapshots_since = earliest('select min(slot_at) from ' ~ new_snapshots ~ ' as changed') %}
{%- set slots_since = earliest('select min(slot_at) from ' ~ new_slots ~ ' as changed') %}

{#- a poll may end earlier, or no more, what was seen last before it and was not over yet #}
{%- call touched_keys() %}
    select platform, stream_id from {{ new_snapshots }} as changed
    union all
    select held.platform, held.stream_id
    from {{ this }} as held
    inner join {{ new_slots }} as changed on held.platform = changed.platform and held.last_slot_at < changed.slot_at
    where held.closed_slot_at is null or held.closed_slot_at >= greatest(changed.slot_at, {{ slots_since }})
{%- endcall %}

{#- a broadcast that lost a snapshot: from its first one on #}
{%- set lost_since %}
    select min(held.first_slot_at)
    from {{ this }} as held
    inner join {{ new_snapshots }} as changed on held.platform = changed.platform and held.stream_id = changed.stream_id
    where not exists (
        select 1 from {{ ref('fct_stream_snapshots') }} as snapshots
        where
            snapshots.platform = changed.platform and snapshots.stream_id = changed.stream_id
            and snapshots.slot_at = changed.slot_at and snapshots.slot_at >= {{ snapshots_since }}
    )
{%- endset %}

with

snapshots as (

    select snapshots.* from {{ ref('fct_stream_snapshots') }} as snapshots
    where
        {{ is_touched('snapshots') }}
        and snapshots.slot_at >= least({{ snapshots_since }}, {{ earliest(lost_since) }})

),

{%- if is_incremental() %}

lost as (

    select
        changed.platform,
        changed.stream_id
    from {{ new_snapshots }} as changed
    left join snapshots
        on
            changed.platform = snapshots.platform
            and changed.stream_id = snapshots.stream_id
            and changed.slot_at = snapshots.slot_at
    where snapshots.slot_at is null

),

-- where nothing was lost, what is held and the new snapshots are all there are: history need not be read for it
held as (

    select held.* from {{ this }} as held
    where
        {{ is_touched('held') }}
        and not exists (select 1 from lost where lost.platform = held.platform and lost.stream_id = held.stream_id)

),

{%- endif %}

spans as (

    select
        platform,
        stream_id,
        min(first_slot_at) as first_slot_at,
        max(last_slot_at) as last_slot_at
    from (
        select platform, stream_id, slot_at as first_slot_at, slot_at as last_slot_at from snapshots
        {%- if is_incremental() %}
        union all
        select platform, stream_id, first_slot_at, last_slot_at from held
        {%- endif %}
    ) as observed
    group by platform, stream_id

),

complete_slots as (

    select * from {{ ref('int_live__slots_recorded') }}
    where is_complete

),

slots as (

    select
        platform,
        slot_at,
        max(complete_slot_at) as complete_slot_at
    from (
        select platform, slot_at, slot_at as complete_slot_at from complete_slots
        union all
        select platform, last_slot_at, cast(null as timestamp) from spans
    ) as moments
    group by platform, slot_at

),

-- the next one whose polls were all complete: only they tell that a broadcast is over
next_slots as (

    select
        platform,
        slot_at,
        min(complete_slot_at) over (
            partition by platform order by slot_at desc rows between unbounded preceding and 1 preceding
        ) as closed_slot_at
    from slots

),

final as (

    select
        spans.*,
        next_slots.closed_slot_at,
        complete_slots.finished_at as closed_at
    from spans
    inner join next_slots on spans.platform = next_slots.platform and spans.last_slot_at = next_slots.slot_at
    left join complete_slots
        on next_slots.platform = complete_slots.platform and next_slots.closed_slot_at = complete_slots.slot_at

)

select * from final
