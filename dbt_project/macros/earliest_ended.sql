{#-
    The earliest slot, as a literal, of the last snapshots of broadcasts that new polls may end, or end earlier; after
    everything if there are none.
-#}
{% macro earliest_ended(polls, polled_since) -%}
    {%- set query -%}
        with ended as (
            select slot_at from {{ this }}
            where is_open and platform in (select platform from {{ polls }} where {{ unseen() }})
            union all
            select slot_at from {{ this }}
            where closed_slot_at >= {{ polled_since }}
        )
        select min(slot_at) as earliest from ended
    {%- endset -%}
    cast('{{ run_query(query).columns[0].values()[0] or "9999-01-01 00:00:00" }}' as timestamp)
{%- endmacro %}
