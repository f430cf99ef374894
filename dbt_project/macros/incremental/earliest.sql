{#-
    The one value of a query over touched keys as a literal, so that scans of the history begin there: before everything
    in a full build, after everything if there is none.
-#}
{% macro earliest(query) -%}
    {%- if execute and is_incremental() -%}
        cast('{{ run_query(query).columns[0].values()[0] or "9999-01-01 00:00:00" }}' as timestamp)
    {%- else -%}
        cast('0001-01-01 00:00:00' as timestamp)
    {%- endif -%}
{%- endmacro %}
