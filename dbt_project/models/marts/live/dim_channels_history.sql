{{
    config(
        indexes=[
            {'columns': ['platform', 'channel_id', 'valid_from'], 'unique': true},
        ]
    )
}}

with

runs as (

    select * from {{ ref('int_live__channel_names_daily') }}

),

counted as (

    select
        *,
        count(broadcaster_type) over (channel_runs) as types_told,
        count(channel_login) over (channel_runs) as logins_told
    from runs
    window channel_runs as (partition by platform, channel_id order by first_slot_at)

),

-- not every endpoint tells type and login: they hold until told otherwise, and before they were first told
filled as (

    select
        platform,
        channel_id,
        coalesce(
            max(channel_login) over (partition by platform, channel_id, logins_told),
            max(case when logins_told = 1 then channel_login end) over (partition by platform, channel_id)
        ) as channel_login,
        channel_name,
        coalesce(
            max(broadcaster_type) over (partition by platform, channel_id, types_told),
            max(case when types_told = 1 then broadcaster_type end) over (partition by platform, channel_id)
        ) as broadcaster_type,
        first_slot_at,
        last_slot_at
    from counted

),

flagged as (

    select
        *,
        case
            when (channel_login is distinct from lag(channel_login) over (channel_runs)) then 1
            when (channel_name is distinct from lag(channel_name) over (channel_runs)) then 1
            when (broadcaster_type is distinct from lag(broadcaster_type) over (channel_runs)) then 1
            else 0
        end as is_change
    from filled
    window channel_runs as (partition by platform, channel_id order by first_slot_at)

),

numbered as (

    select
        *,
        sum(is_change) over (partition by platform, channel_id order by first_slot_at) as version_number
    from flagged

),

versions as (

    select
        platform,
        channel_id,
        cast(version_number as bigint) as version_number,
        channel_login,
        channel_name,
        broadcaster_type,
        min(first_slot_at) as valid_from,
        max(last_slot_at) as last_observed_at
    from numbered
    group by platform, channel_id, version_number, channel_login, channel_name, broadcaster_type

),

closed as (

    select
        *,
        lead(valid_from) over (partition by platform, channel_id order by valid_from) as valid_to
    from versions

),

final as (

    select
        platform,
        channel_id,
        version_number,
        channel_login,
        channel_name,
        broadcaster_type,
        valid_to is null as is_current,
        valid_from,
        valid_to,
        last_observed_at
    from closed

)

select * from final
