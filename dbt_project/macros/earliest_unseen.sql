{#-
    The least value of a time or date among the rows of `relation` that this model has not seen, as a literal, so that
    scans of the history begin there; before everything in a full build, after everything if nothing is new.
-#}
{% macro earliest_unseen(relation, column) -%}
    {%- if is_incremental() and execute -%}
        {%- set query = 'select min(' ~ column ~ ') as earliest from ' ~ relation ~ ' where ' ~ unseen() -%}
        cast('{{ run_query(query).columns[0].values()[0] or "9999-01-01 00:00:00" }}' as timestamp)
    {%- else -%}
        cast('0001-01-01 00:00:00' as timestamp)
    {%- endif -%}
{%- endmacro %}
