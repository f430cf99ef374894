{{
    config(
        materialized='incremental',
        unique_key=['platform', 'channel_id'],
        indexes=[
            {'columns': ['platform', 'channel_id', 'valid_from'], 'unique': true},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

new_observations as (

    select * from {{ ref('int_live__channel_names_observed') }}
    where {{ unseen() }}

),

{% if is_incremental() -%}
observations as (

    select * from {{ ref('int_live__channel_names_observed') }}

),

versions as (

    select * from {{ this }}

),

current_versions as (

    select * from {{ this }}
    where is_current

),

-- what was observed after everything known extends the versions; anything earlier has its channel compared anew
touched as (

    select
        new_observations.platform,
        new_observations.channel_id,
        coalesce(bool_or(new_observations.slot_at <= current_versions.last_observed_at), false) as is_late
    from new_observations
    left join current_versions
        on
            new_observations.platform = current_versions.platform
            and new_observations.channel_id = current_versions.channel_id
    group by new_observations.platform, new_observations.channel_id

),
{%- endif %}

compared as (

    select
        new_observations.*,
        new_observations.slot_at as last_observed_at
    from new_observations
    {%- if is_incremental() %}
    inner join touched
        on new_observations.platform = touched.platform and new_observations.channel_id = touched.channel_id
    where not touched.is_late
    union all
    select
        observations.*,
        observations.slot_at as last_observed_at
    from observations
    inner join touched
        on observations.platform = touched.platform and observations.channel_id = touched.channel_id
    where touched.is_late
    union all
    select
        versions.platform,
        versions.channel_id,
        'versions' as endpoint,
        versions.channel_id as row_id,
        versions.channel_login,
        versions.channel_name,
        versions.broadcaster_type,
        versions.valid_from as slot_at,
        versions.valid_from as fetched_at,
        versions.loaded_at,
        versions.last_observed_at
    from versions
    inner join touched on versions.platform = touched.platform and versions.channel_id = touched.channel_id
    where not touched.is_late
    {%- endif %}

),

ranked as (

    select
        *,
        row_number() over (
            partition by platform, channel_id, slot_at
            order by case when channel_login is null then 1 else 0 end, fetched_at desc, endpoint desc, row_id desc
        ) as recency
    from compared

),

-- within a slot the last answer counts, of those that tell the login
slots as (

    select
        platform,
        channel_id,
        slot_at,
        max(case when recency = 1 then channel_login end) as channel_login,
        max(case when recency = 1 then channel_name end) as channel_name,
        max(broadcaster_type) as broadcaster_type,
        max(last_observed_at) as last_observed_at,
        max(loaded_at) as loaded_at
    from ranked
    group by platform, channel_id, slot_at

),

counted as (

    select
        *,
        count(broadcaster_type) over (partition by platform, channel_id order by slot_at) as types_told,
        count(channel_login) over (partition by platform, channel_id order by slot_at) as logins_told
    from slots

),

-- not every endpoint tells type and login: they hold until told otherwise, and before they were first told
typed as (

    select
        platform,
        channel_id,
        slot_at,
        coalesce(
            max(channel_login) over (partition by platform, channel_id, logins_told),
            max(case when logins_told = 1 then channel_login end) over (partition by platform, channel_id)
        ) as channel_login,
        channel_name,
        coalesce(
            max(broadcaster_type) over (partition by platform, channel_id, types_told),
            max(case when types_told = 1 then broadcaster_type end) over (partition by platform, channel_id)
        ) as broadcaster_type,
        last_observed_at,
        loaded_at
    from counted

),

followed as (

    select
        *,
        lag(channel_login) over (channel_slots) as previous_login,
        lag(channel_name) over (channel_slots) as previous_name,
        lag(broadcaster_type) over (channel_slots) as previous_type
    from typed
    window channel_slots as (partition by platform, channel_id order by slot_at)

),

flagged as (

    select
        *,
        case
            when (channel_login is distinct from previous_login) then 1
            when (channel_name is distinct from previous_name) then 1
            when (broadcaster_type is distinct from previous_type) then 1
            else 0
        end as is_change
    from followed

),

numbered as (

    select
        *,
        sum(is_change) over (partition by platform, channel_id order by slot_at) as version_number
    from flagged

),

versioned as (

    select
        platform,
        channel_id,
        cast(version_number as bigint) as version_number,
        channel_login,
        channel_name,
        broadcaster_type,
        min(slot_at) as valid_from,
        max(last_observed_at) as last_observed_at,
        max(loaded_at) as loaded_at
    from numbered
    group by platform, channel_id, version_number, channel_login, channel_name, broadcaster_type

),

closed as (

    select
        *,
        lead(valid_from) over (partition by platform, channel_id order by valid_from) as valid_to
    from versioned

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
        last_observed_at,
        loaded_at
    from closed

)

select * from final
