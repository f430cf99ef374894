{#-
    True for rows of loads that completed after the last one this model has seen, and for all rows in a full build.
    The watermark is put in as a literal: from a subquery, PostgreSQL expects a third of the table and reads all of it.
-#}
{% macro unseen(loaded_at='loaded_at') -%}
    {%- if is_incremental() and execute -%}
        {%- set watermark = run_query('select max(loaded_at) as watermark from ' ~ this).columns[0].values()[0] -%}
        {{ loaded_at }} > cast('{{ watermark or "0001-01-01 00:00:00" }}' as timestamp)
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
