{%- set text = dbt.type_string() %}

with

revisions as (

    select * from {{ ref('int_football__fixture_revisions') }}

),

event_revisions as (

    select * from {{ ref('int_football__event_revisions') }}

),

fixtures as (

    select * from {{ ref('fct_fixtures') }}

),

deductions as (

    select * from {{ ref('int_football__deductions_decided') }}

),

united as (

    select
        fixture_id,
        season_id,
        cast(null as bigint) as team_id,
        kind,
        detail,
        before,
        after,
        observed_at
    from revisions
    union all
    select
        fixture_id,
        season_id,
        null as team_id,
        kind,
        cast(event_id as {{ text }}) as detail,
        before,
        null as after,
        observed_at
    from event_revisions
    union all
    select
        fixture_id,
        season_id,
        null as team_id,
        'deleted' as kind,
        '' as detail,
        fixture_name as before,
        null as after,
        deleted_at as observed_at
    from fixtures
    where is_deleted
    union all
    select
        null as fixture_id,
        season_id,
        team_id,
        'deducted' as kind,
        cast(correction_id as {{ text }}) as detail,
        null as before,
        points_changed as after,
        observed_at
    from deductions

),

final as (

    select
        kind || '-' || cast(coalesce(fixture_id, season_id) as {{ text }}) || '-' || detail as change_id,
        fixture_id,
        season_id,
        team_id,
        kind,
        before,
        after,
        observed_at
    from united

)

select * from final
