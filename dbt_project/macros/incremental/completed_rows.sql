{#-
    The rows of a raw table whose load is complete, with its number and the time of its completion: dlt commits table by
    table, so the rows of a running or broken load are in the table before they may be counted.
-#}
{% macro completed_rows(source_name, table_name) -%}
    select
        raw_rows.*,
        loads.load_number,
        loads.completed_at as loaded_at
    from {{ source(source_name, table_name) }} as raw_rows
    inner join {{ source('raw_ops', 'loads') }} as loads
        on loads.dataset = '{{ source_name }}' and raw_rows._dlt_load_id = loads.load_id
{%- endmacro %}
