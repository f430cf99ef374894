with

games as (

    select * from {{ ref('stg_twitch__games') }}

),

kick_categories as (

    select * from {{ ref('stg_kick__categories') }}

),

youtube_categories as (

    select * from {{ ref('stg_youtube__categories') }}

),

snapshots as (

    select * from {{ ref('int_live__stream_snapshots_unioned') }}
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

-- first what the platforms' catalogues tell, then who refers to a category: a catalogue may lack some of these
told as (

    select
        platform,
        category_id,
        category_name,
        igdb_id,
        box_art_url,
        true as is_catalogued
    from games
    union all
    select
        platform,
        category_id,
        category_name,
        null as igdb_id,
        thumbnail_url as box_art_url,
        true as is_catalogued
    from kick_categories
    union all
    select
        platform,
        category_id,
        category_name,
        null as igdb_id,
        null as box_art_url,
        true as is_catalogued
    from youtube_categories
    union all
    select
        platform,
        category_id,
        category_name,
        null as igdb_id,
        null as box_art_url,
        false as is_catalogued
    from snapshots
    union all
    select
        platform,
        category_id,
        category_name,
        null as igdb_id,
        null as box_art_url,
        false as is_catalogued
    from twitch_channels
    union all
    select
        platform,
        category_id,
        category_name,
        null as igdb_id,
        null as box_art_url,
        false as is_catalogued
    from kick_channels
    union all
    select
        platform,
        category_id,
        null as category_name,
        null as igdb_id,
        null as box_art_url,
        false as is_catalogued
    from clips

),

final as (

    select
        platform,
        category_id,
        coalesce(max(case when is_catalogued then category_name end), max(category_name)) as category_name,
        max(igdb_id) as igdb_id,
        max(box_art_url) as box_art_url,
        bool_or(is_catalogued) as is_catalogued
    from told
    group by platform, category_id

)

select * from final
