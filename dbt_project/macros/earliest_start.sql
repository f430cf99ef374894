{#-
    Where to look, as a literal, for the snapshots that new ones follow: from the last one of a broadcast that is not over,
    or else from its start, which an API may correct by less than a day.
-#}
{% macro earliest_start(snapshots) -%}
    {%- set query -%}
        select min(coalesce(
            tails.slot_at,
            least(snapshots.slot_at, coalesce(snapshots.started_at, timestamp '0001-01-02 00:00:00') - interval '1 day')
        )) as earliest
        from {{ snapshots }} as snapshots
        left join {{ this }} as tails
            on
                snapshots.platform = tails.platform
                and snapshots.stream_id = tails.stream_id
                and snapshots.slot_at > tails.slot_at
                and tails.is_open
        where {{ unseen('snapshots.loaded_at') }}
    {%- endset -%}
    cast('{{ run_query(query).columns[0].values()[0] or "9999-01-01 00:00:00" }}' as timestamp)
{%- endmacro %}
