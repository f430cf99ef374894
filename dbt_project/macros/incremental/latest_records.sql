{#- The touched records of a route of atlas, each in its latest version: decided among all that was ever observed of them. -#}
{% macro latest_records(route, key='record_key') -%}
    select
        changes.client,
        changes.record_key,
        changes.content_hash,
        changes.day,
        payloads.payload,
        changes.seen_at,
        changes.loaded_at
    from (
        select
            observations.*,
            row_number() over (
                partition by observations.client, observations.record_key
                order by observations.seen_at desc, observations.request_id desc, observations.content_hash asc
            ) as newest_rank
        from {{ ref('stg_atlas__observations') }} as observations
        where observations.route = '{{ route }}' and {{ is_touched('observations', {key: 'record_key'}) }}
    ) as changes
    inner join {{ ref('stg_atlas__payloads') }} as payloads
        on payloads.route = '{{ route }}' and changes.client = payloads.client and changes.content_hash = payloads.content_hash
    where changes.newest_rank = 1
{%- endmacro %}
