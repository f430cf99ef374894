{#-
    The records of a route of atlas, each in its latest version, from the changes that fit a condition: with unseen(), the
    newest change of a record is newer than all that a model has.
-#}
{% macro latest_records(route, condition) -%}
    select
        changes.client,
        changes.record_key,
        changes.content_hash, changes.day,
        payloads.payload,
        changes.seen_at,
        changes.loaded_at
    from (
        select
            *,
            row_number() over (
                partition by client, record_key order by seen_at desc, request_id desc, content_hash asc
            ) as newest_rank
        from {{ ref('stg_atlas__observations') }}
        where route = '{{ route }}' and {{ condition }}
    ) as changes
    inner join {{ ref('stg_atlas__payloads') }} as payloads
        on payloads.route = '{{ route }}' and changes.client = payloads.client and changes.content_hash = payloads.content_hash
    where changes.newest_rank = 1
{%- endmacro %}
