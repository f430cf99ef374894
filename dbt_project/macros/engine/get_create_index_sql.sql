{#-
    No indexes in DuckDB: it reads by the minima and maxima that it keeps of each block, and keeping others up to date costs
    more than everything else in a build. The grain is guarded by data tests.
-#}
{% macro duckdb__get_create_index_sql(relation, index_dict) -%}
{%- endmacro %}
