{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='category_id',
        meta={'changes': ['category_id']}
    )
}}

with

categories as (

    select * from {{ ref('stg_youtube__categories') }}

),

final as (

    select
        category_id,
        category_name
    from categories

)

select * from final
