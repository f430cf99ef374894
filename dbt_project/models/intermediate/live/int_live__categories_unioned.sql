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

streamed as (

    select * from {{ ref('int_live__category_slots') }}
    where category_id <> ''

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

    {%- for told, picture, is_catalogued in [
        ('games', 'box_art_url', true),
        ('kick_categories', 'thumbnail_url', true),
        ('youtube_categories', 'null', true),
        ('streamed', 'null', false),
        ('twitch_channels', 'null', false),
        ('kick_channels', 'null', false),
        ('clips', 'null', false),
    ] %}

    select
        platform,
        category_id,
        {{ 'null' if told == 'clips' else 'category_name' }} as category_name,
        {{ 'igdb_id' if told == 'games' else 'null' }} as igdb_id,
        {{ picture }} as box_art_url,
        {{ is_catalogued | lower }} as is_catalogued
    from {{ told }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

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
