-- a version ends where the next one begins, and just the last one has no end

with

versions as (

    select * from {{ ref('dim_channels_history') }}

),

followed as (

    select
        *,
        lead(valid_from) over (partition by platform, channel_id order by version_number) as next_valid_from
    from versions

)

select * from followed
where valid_to is distinct from next_valid_from or is_current <> (next_valid_from is null)
