{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='fixture_id',
        meta={'changes': ['fixture_id']}
    )
}}

with

absences as (

    select * from {{ ref('int_football__fixture_absences') }}
    where is_tombstoned

),

final as (

    select
        fixture_id,
        tombstoned_at
    from absences

)

select * from final
