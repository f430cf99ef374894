{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='stage_id',
        meta={'changes': ['stage_id']}
    )
}}

with

stages as (

    select * from {{ ref('stg_sportmonks__stages') }}

),

final as (

    select
        stage_id,
        stage_name,
        -- neither a knock-out nor qualifying
        coalesce(type_id not in (224, 225), true) as is_table_stage
    from stages

)

select * from final
