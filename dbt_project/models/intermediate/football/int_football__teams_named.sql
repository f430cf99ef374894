{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='team_id',
        meta={'changes': ['team_id']}
    )
}}

with

names as (

    select * from {{ ref('int_football__team_names') }}
    where preference = 1

),

final as (

    select
        team_id,
        team_name
    from names

)

select * from final
