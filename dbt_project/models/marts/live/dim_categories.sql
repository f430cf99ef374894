with

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
