{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='state_id',
        meta={'changes': ['state_id']}
    )
}}

with

states as (

    select * from {{ ref('stg_sportmonks__states') }}

),

final as (

    select
        state_id,
        state
    from states

)

select * from final
