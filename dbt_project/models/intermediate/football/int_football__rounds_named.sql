{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='round_id',
        meta={'changes': ['round_id']}
    )
}}

with

rounds as (

    select * from {{ ref('stg_sportmonks__rounds') }}

),

final as (

    select
        round_id,
        round_name
    from rounds

)

select * from final
