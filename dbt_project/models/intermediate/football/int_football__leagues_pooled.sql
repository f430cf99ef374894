{{
    config(
        materialized='incremental',
        incremental_strategy='difference',
        unique_key='league_id',
        meta={'changes': ['league_id']}
    )
}}

with

leagues as (

    select * from {{ ref('stg_sportmonks__leagues') }}

),

final as (

    select
        league_id,
        -- leagues of one country play each other's teams, over the years; an unknown country is a pool a league
        coalesce(country_id, -league_id) as pool_id
    from leagues

)

select * from final
