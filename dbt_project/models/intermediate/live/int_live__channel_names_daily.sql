{{
    config(
        materialized='incremental',
        unique_key=['platform', 'day'],
        pre_hook="{{ plan_full_build() }}",
        indexes=[
            {'columns': ['platform', 'day', 'channel_id', 'first_slot_at'], 'unique': true},
        ]
    )
}}

{%- call touched_keys() %}
{%- for channels in ['stg_twitch__users', 'stg_twitch__channels', 'stg_youtube__channels'] %}
    select platform, cast(slot_at as date) as day from {{ ref(channels) }} where {{ is_new() }}
    union all
{%- endfor %}
    select platform, cast(slot_at as date) as day from {{ changes_of('fct_stream_snapshots') }} as changed
{%- endcall %}

with

observed as (

    select
        *,
        cast(slot_at as date) as day
    from {{ ref('int_live__channel_names_observed') }}
    where slot_at >= {{ earliest('select min(day) from ' ~ touched()) }}

),

-- within a slot the last answer counts, of those that tell the login
ranked as (

    select
        observed.*,
        row_number() over (
            partition by observed.platform, observed.channel_id, observed.slot_at
            order by
                case when observed.channel_login is null then 1 else 0 end,
                observed.fetched_at desc, observed.endpoint desc, observed.row_id desc
        ) as recency
    from observed
    where {{ is_touched('observed') }}

),

slots as (

    select
        platform,
        channel_id,
        day,
        slot_at,
        max(case when recency = 1 then channel_login end) as channel_login,
        max(case when recency = 1 then channel_name end) as channel_name,
        max(broadcaster_type) as broadcaster_type
    from ranked
    group by platform, channel_id, day, slot_at

),

flagged as (

    select
        *,
        case
            when (channel_login is distinct from lag(channel_login) over (channel_slots)) then 1
            when (channel_name is distinct from lag(channel_name) over (channel_slots)) then 1
            when (broadcaster_type is distinct from lag(broadcaster_type) over (channel_slots)) then 1
            else 0
        end as is_change
    from slots
    window channel_slots as (partition by platform, channel_id, day order by slot_at)

),

numbered as (

    select
        *,
        sum(is_change) over (partition by platform, channel_id, day order by slot_at) as run_number
    from flagged

),

final as (

    select
        platform,
        channel_id,
        day,
        channel_login,
        channel_name,
        broadcaster_type,
        min(slot_at) as first_slot_at,
        max(slot_at) as last_slot_at
    from numbered
    group by platform, channel_id, day, run_number, channel_login, channel_name, broadcaster_type

)

select * from final
