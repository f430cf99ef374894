{{
    config(
        materialized='incremental',
        unique_key=['platform', 'slot_at'],
        meta={'changes': ['platform', 'slot_at']},
        indexes=[{'columns': ['platform', 'slot_at'], 'unique': true}]
    )
}}

{%- call touched_keys() %}
    select source as platform, slot_at from {{ ref('stg_ops__polls') }} where {{ is_new() }}
{%- endcall %}

with

slots as (

    select slots.* from {{ ref('int_live__slots_polled') }} as slots
    where
        {{ is_touched('slots') }}
        and slots.slot_at >= {{ earliest('select min(slot_at) from ' ~ touched()) }}

),

final as (

    select
        platform,
        slot_at,
        finished_at,
        is_complete
    from slots

)

select * from final
