with

fixture_changes as (

    select * from {{ ref('fct_fixture_changes') }}

),

final as (

    select
        'sportmonks' as source,
        cast(observed_at as date) as observed_on,
        kind,
        count(*) as change_count,
        count(distinct season_id) as season_count,
        min(observed_at) as first_observed_at,
        max(observed_at) as last_observed_at
    from fixture_changes
    group by cast(observed_at as date), kind

)

select * from final
