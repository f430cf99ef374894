{{
    config(
        materialized='incremental',
        unique_key=['platform', 'category_id'],
        indexes=[{'columns': ['platform', 'category_id'], 'unique': true}]
    )
}}

{%- set is_new = unseen() %}

with

new_snapshots as (

    select * from {{ ref('fct_stream_snapshots') }}
    where category_id is not null and {{ is_new }}

),

new_channels as (

    select * from {{ ref('stg_twitch__channels') }}
    where category_id is not null and {{ is_new }}

),

new_clips as (

    select * from {{ ref('stg_twitch__clips') }}
    where category_id is not null and {{ is_new }}

),

new_games as (

    select * from {{ ref('stg_twitch__games') }}
    where {{ is_new }}

),

snapshots as (

    select * from {{ ref('fct_stream_snapshots') }}

),

games as (

    select * from {{ ref('stg_twitch__games') }}

),

mentions as (

    select
        platform,
        category_id,
        loaded_at
    from new_snapshots
    union all
    select
        platform,
        category_id,
        loaded_at
    from new_channels
    union all
    select
        platform,
        category_id,
        loaded_at
    from new_clips
    union all
    select
        platform,
        category_id,
        loaded_at
    from new_games

),

touched as (

    select
        platform,
        category_id,
        max(loaded_at) as loaded_at
    from mentions
    group by platform, category_id

),

catalogued as (

    select
        touched.platform,
        touched.category_id,
        games.category_name,
        games.igdb_id,
        games.box_art_url,
        games.category_id is not null as is_catalogued,
        touched.loaded_at
    from touched
    left join games on touched.platform = games.platform and touched.category_id = games.category_id

),

-- the platform's own catalogue lacks some categories that its streams name
named as (

    select
        snapshots.platform,
        snapshots.category_id,
        max(snapshots.category_name) as category_name
    from snapshots
    inner join catalogued
        on
            snapshots.platform = catalogued.platform
            and snapshots.category_id = catalogued.category_id
            and not catalogued.is_catalogued
    group by snapshots.platform, snapshots.category_id

),

final as (

    select
        catalogued.platform,
        catalogued.category_id,
        coalesce(catalogued.category_name, named.category_name) as category_name,
        catalogued.igdb_id,
        catalogued.box_art_url,
        catalogued.is_catalogued,
        catalogued.loaded_at
    from catalogued
    left join named on catalogued.platform = named.platform and catalogued.category_id = named.category_id

)

select * from final
