{#-
    The rows of a raw table whose load is complete, with the time of its completion as loaded_at: dlt commits table by
    table, so the rows of a running or broken load are in the table before they may be counted.
-#}
{% macro completed_rows(source_name, table_name) -%}
    select
        raw_rows.*,
        {{ utc_timestamp('loads.inserted_at') }} as loaded_at
    from {{ source(source_name, table_name) }} as raw_rows
    inner join {{ source(source_name, '_dlt_loads') }} as loads
        on raw_rows._dlt_load_id = loads.load_id and loads.status = 0
{%- endmacro %}
