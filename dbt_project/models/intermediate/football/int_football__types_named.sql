{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='type_id',
        meta={'changes': ['type_id']}
    )
}}

with

types as (

    select * from {{ ref('stg_sportmonks__types') }}

),

final as (

    select
        type_id,
        type_name
    from types

)

select * from final
