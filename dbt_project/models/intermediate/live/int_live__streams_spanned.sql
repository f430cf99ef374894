{{
    config(
        materialized='incremental',
        unique_key=['platform', 'stream_id'],
        meta={'changes': ['platform', 'stream_id', 'first_slot_at', 'last_slot_at']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['platform', 'stream_id'], 'unique': true}]
    )
}}

{%- set new_snapshots = changes_of('fct_stream_snapshots') %}
{%- set new_slots = changes_of('int_live__slots_recorded') %}
{%- set new_since = earliest('select min(slot_at) from ' ~ new_snapshots ~ ' as changed') %}

{#- a poll may end earlier, or no more, what was seen last before it and was not over yet #}
{%- call touched_keys() %}
    select platform, stream_id from {{ new_snapshots }} as changed
    union all
    select held.platform, held.stream_id
    from {{ this }} as held
    inner join {{ new_slots }} as changed on held.platform = changed.platform and held.last_slot_at < changed.slot_at
    where held.closed_slot_at is null or held.closed_slot_at >= changed.slot_at
{%- endcall %}

{#- broadcasts that lost a snapshot: they are read anew from their first one on #}
{%- set lost %}(
    select changed.platform, changed.stream_id
    from {{ new_snapshots }} as changed
    where not exists (
        select 1 from {{ ref('fct_stream_snapshots') }} as kept
        where
            kept.platform = changed.platform and kept.stream_id = changed.stream_id
            and kept.slot_at = changed.slot_at and kept.slot_at >= {{ new_since }}
    )
){%- endset %}
{%- set same = 'held.platform = lost.platform and held.stream_id = lost.stream_id' %}
{%- set lost_since %}
    select min(held.first_slot_at) from {{ this }} as held inner join {{ lost }} as lost on {{ same }}
{%- endset %}

with

snapshots as (

    select snapshots.* from {{ ref('fct_stream_snapshots') }} as snapshots
    where {{ is_touched('snapshots') }} and snapshots.slot_at >= least({{ new_since }}, {{ earliest(lost_since) }})

),

{%- if is_incremental() %}

-- where nothing was lost, what is held and the new snapshots are all there are: history need not be read for it
held as (

    select held.* from {{ this }} as held
    where {{ is_touched('held') }} and not exists (select 1 from {{ lost }} as lost where {{ same }})

),

{%- endif %}

observed as (

    select
        platform,
        stream_id,
        slot_at as first_slot_at,
        slot_at as last_slot_at
    from snapshots
    {%- if is_incremental() %}
    union all
    select
        platform,
        stream_id,
        first_slot_at,
        last_slot_at
    from held
    {%- endif %}

),

spans as (

    select
        platform,
        stream_id,
        min(first_slot_at) as first_slot_at,
        max(last_slot_at) as last_slot_at
    from observed
    group by platform, stream_id

),

complete_slots as (

    select * from {{ ref('int_live__slots_recorded') }}
    where is_complete

),

moments as (

    select
        *,
        last_slot_at as slot_at,
        cast(null as timestamp) as complete_slot_at
    from spans
    union all
    select
        platform,
        null as stream_id,
        null as first_slot_at,
        null as last_slot_at,
        slot_at,
        slot_at as complete_slot_at
    from complete_slots

),

-- the next slot whose polls were all complete: only they tell that a broadcast is over
followed as (

    select
        *,
        min(complete_slot_at) over (
            partition by platform
            order by slot_at desc, complete_slot_at asc nulls first
            rows between unbounded preceding and current row
        ) as closed_slot_at
    from moments

),

final as (

    select
        followed.platform,
        followed.stream_id,
        followed.first_slot_at,
        followed.last_slot_at,
        followed.closed_slot_at,
        complete_slots.finished_at as closed_at
    from followed
    left join complete_slots
        on followed.platform = complete_slots.platform and followed.closed_slot_at = complete_slots.slot_at
    where followed.stream_id is not null

)

select * from final
