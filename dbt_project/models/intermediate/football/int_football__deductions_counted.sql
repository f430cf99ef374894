{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='correction_id',
        meta={'changes': ['season_id']}
    )
}}

with

deductions as (

    select * from {{ ref('int_football__deductions') }}

),

final as (

    select
        correction_id,
        season_id,
        stage_id,
        group_id,
        team_id,
        points,
        counts_on
    from deductions

)

select * from final
