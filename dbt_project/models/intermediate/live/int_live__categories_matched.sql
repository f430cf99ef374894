with

categories as (

    select * from {{ ref('int_live__categories_unioned') }}

),

aliases as (

    select * from {{ ref('category_aliases') }}

),

named as (

    select
        *,
        {{ normalised_category('category_name') }} as normalised_name,
        -- whose spelling counts where platforms differ
        case platform when 'twitch' then 1 when 'kick' then 2 when 'youtube' then 3 else 4 end as platform_order
    from categories

),

canonical_names as (

    select
        platform,
        canonical_name,
        {{ normalised_category('category_name') }} as normalised_name,
        {{ normalised_category('canonical_name') }} as normalised_canonical_name
    from aliases

),

unified as (

    select
        named.*,
        canonical_names.canonical_name,
        -- without a name it stays by itself: no normalised name holds a colon
        coalesce(
            canonical_names.normalised_canonical_name,
            named.normalised_name,
            named.platform || ':' || named.category_id
        ) as unified_category_id
    from named
    left join canonical_names
        on
            named.platform = canonical_names.platform
            and named.normalised_name = canonical_names.normalised_name

),

final as (

    select
        platform,
        category_id,
        unified_category_id,
        category_name,
        first_value(coalesce(canonical_name, category_name)) over (
            partition by unified_category_id
            order by canonical_name is null, platform_order, platform, {{ binary_order('category_id') }}
        ) as unified_category_name,
        case
            when
                min(platform) over (partition by unified_category_id, normalised_name)
                <> max(platform) over (partition by unified_category_id, normalised_name)
                then 'name'
            when
                min(platform) over (partition by unified_category_id)
                <> max(platform) over (partition by unified_category_id)
                then 'alias'
            else 'none'
        end as match_method,
        igdb_id,
        box_art_url,
        is_catalogued,
        min(platform) over (partition by unified_category_id)
        <> max(platform) over (partition by unified_category_id) as is_matched
    from unified

)

select * from final
