with

<<<<<<< HEAD
snapshots as (

    select * from {{ ref('fct_stream_snapshots') }}
    where category_id is not null

),

twitch_channels as (

    select * from {{ ref('stg_twitch__channels') }}
    where category_id is not null

),

kick_channels as (

    select * from {{ ref('stg_kick__channels') }}
    where category_id is not null

),

clips as (

    select * from {{ ref('stg_twitch__clips') }}
    where category_id is not null

),

games as (

    select * from {{ ref('stg_twitch__games') }}

),

kick_categories as (

    select * from {{ ref('stg_kick__categories') }}

),

youtube_categories as (

    select * from {{ ref('stg_youtube__categories') }}

),

catalogued as (

    select
        platform,
        category_id,
        category_name,
        igdb_id,
        box_art_url
    from games
    union all
    select
        platform,
        category_id,
        category_name,
        null as igdb_id,
        thumbnail_url as box_art_url
    from kick_categories
    union all
    select
        platform,
        category_id,
        category_name,
        null as igdb_id,
        null as box_art_url
    from youtube_categories

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
    from twitch_channels
    group by platform, category_id
    union all
    select
        platform,
        category_id,
        max(category_name) as category_name
    from kick_channels
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
    from catalogued

),

-- a catalogue may lack categories that its streams name
=======
>>>>>>> kick
categories as (

    select * from {{ ref('int_live__categories_matched') }}

),

final as (

    select
        platform,
        category_id,
        unified_category_id,
        category_name,
        unified_category_name,
        match_method,
        igdb_id,
        box_art_url,
        is_catalogued,
        is_matched
    from categories

)

select * from final
