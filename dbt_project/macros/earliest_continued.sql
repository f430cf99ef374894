{#-
    The earliest slot, as a literal, of the snapshots that new ones follow, so that scans of the history begin there;
    after everything if there are none.
-#}
{% macro earliest_continued(snapshots) -%}
    {%- set query -%}
        with continued as (
            select (
                select max(seen.slot_at)
                from {{ this }} as seen
                where
                    seen.platform = snapshots.platform
                    and seen.stream_id = snapshots.stream_id
                    and seen.slot_at < snapshots.slot_at
                    and seen.slot_at >= {{ earliest_start(snapshots) }}
            ) as slot_at
            from {{ snapshots }} as snapshots
            where {{ unseen('snapshots.loaded_at') }}
        )
        select min(slot_at) as earliest from continued
    {%- endset -%}
    cast('{{ run_query(query).columns[0].values()[0] or "9999-01-01 00:00:00" }}' as timestamp)
{%- endmacro %}
