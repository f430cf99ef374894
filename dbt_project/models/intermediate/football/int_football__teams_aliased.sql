{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='team_id',
        meta={'changes': ['team_id']}
    )
}}

with

aliases as (

    select * from {{ ref('team_aliases') }}

),

final as (

    select
        team_id,
        canonical_team_id
    from aliases

)

select * from final
