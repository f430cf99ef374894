{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='season_id',
        meta={'changes': ['season_id']}
    )
}}

with

policies as (

    select * from {{ ref('int_football__season_policies') }}

),

final as (

    select
        season_id,
        ranking,
        points_for_win,
        is_finished
    from policies

)

select * from final
