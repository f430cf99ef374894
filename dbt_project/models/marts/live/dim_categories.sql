with

snapshots as (

    select * from {{ ref('fct_stream_snapshots') }}
    where category_id is not null

),

channels as (

    select * from {{ ref('stg_twitch__channels') }}
    where category_id is not null

),

clips as (

    select * from {{ ref('stg_twitch__clips') }}
    where category_id is not null

),

games as (

    select * from {{ ref('stg_twitch__games') }}

),

named as (

    select
        platform,
        category_id,
        max(category_name) as category_name
    from snapshots
    group by platform, category_id
    union all
    select
        platform,
        category_id,
        max(category_name) as category_name
    from channels
    group by platform, category_id
    union all
    select
        platform,
        category_id,
        null as category_name
    from clips
    group by platform, category_id
    union all
    select
        platform,
        category_id,
        null as category_name
    from games

),

-- a catalogue may lack categories that its streams name
categories as (

    select
        platform,
        category_id,
        max(category_name) as category_name
    from named
    group by platform, category_id

),

final as (

    select
        categories.platform,
        categories.category_id,
        coalesce(games.category_name, categories.category_name) as category_name,
        games.igdb_id,
        games.box_art_url,
        games.category_id is not null as is_catalogued
    from categories
    left join games on categories.platform = games.platform and categories.category_id = games.category_id

)

select * from final
