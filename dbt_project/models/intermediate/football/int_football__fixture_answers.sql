{{
    config(
        materialized='incremental',
        unique_key='fixture_id',
        meta={'changes': ['fixture_id']},
        pre_hook="{{ plan_full_build() }}",
        indexes=[{'columns': ['fixture_id'], 'unique': true}]
    )
}}

{%- call touched_keys() %}
    select fixture_id from {{ changes_of('int_football__fixtures_observed') }} as changed
{%- endcall %}

with

observations as (

    select observations.* from {{ ref('int_football__fixtures_observed') }} as observations
    where {{ is_touched('observations') }}

),

scored as (

    select
        *,
        case when is_settled then {{ score_text('home_goals', 'away_goals') }} end as score
    from observations

),

compared as (

    select
        *,
        row_number() over (partition by fixture_id order by fetched_at desc, observed_on desc) as recency,
        row_number() over (partition by fixture_id, score order by fetched_at, observed_on) as score_sighting,
        row_number() over (partition by fixture_id, score is null order by fetched_at, observed_on) as score_number
    from scored

),

history as (

    select
        fixture_id,
        max(score) filter (where score_number = 1) as first_score,
        count(score) filter (where score_sighting = 1) as score_versions
    from compared
    group by fixture_id

),

final as (

    select
        latest.fixture_id,
        latest.request_id,
        latest.base_hash,
        history.first_score,
        latest.score as latest_score,
        {%- for kind in ['goals', 'half_time_goals', 'extra_time_goals', 'penalty_goals'] %}
        latest.home_{{ kind }},
        latest.away_{{ kind }},
        {%- endfor %}
        history.score_versions,
        latest.is_settled,
        latest.observed_on,
        latest.fetched_at
    from compared as latest
    inner join history on latest.fixture_id = history.fixture_id
    where latest.recency = 1

)

select * from final
