{#- a length is told as 3h2m1s, 3m21s or 50s; whatever else it may be, it is null -#}
{%- set patterns = {
    'hours': '^([0-9]{1,6})h([0-9]{1,6}m)?([0-9]{1,6}s)?$',
    'minutes': '^(?:[0-9]{1,6}h)?([0-9]{1,6})m([0-9]{1,6}s)?$',
    'seconds': '^(?:[0-9]{1,6}h)?(?:[0-9]{1,6}m)?([0-9]{1,6})s$',
} %}

with

raw_rows as (

    {{ completed_rows('raw_twitch', 'videos') }}

),

timed as (

    select
        {%- for unit, pattern in patterns.items() %}
        cast({{ regexp_group('duration', pattern) }} as bigint) as {{ unit }},
        {%- endfor %}
        *
    from raw_rows

),

renamed as (

    select
        -- ids
        'twitch' as platform,
        id as video_id,
        nullif(stream_id, '') as stream_id,
        user_id as channel_id,
        request_id,

        -- text
        nullif(user_login, '') as channel_login,
        nullif(user_name, '') as channel_name,
        nullif(title, '') as title,
        nullif(description, '') as description,
        type as video_type,
        language,
        url,
        nullif(thumbnail_url, '') as thumbnail_url,
        muted_segments,

        -- numerics
        view_count,
        case
            when coalesce(hours, minutes, seconds) is not null
                then coalesce(hours, 0) * 3600 + coalesce(minutes, 0) * 60 + coalesce(seconds, 0)
        end as duration_seconds,

        -- booleans
        viewable = 'public' as is_public,

        -- dates and timestamps
        observed_on,
        created_at,
        published_at,
        fetched_at,
        loaded_at,
        load_number
    from timed

)

select * from renamed
