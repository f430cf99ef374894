{#-
    How incremental models replace rows in DuckDB, in place of the adapter's own way, which joins every new row with
    every old one of the same key: a key that stands for many rows, such as a day, makes that quadratic.
-#}
{% macro duckdb__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
    {%- set keys = [unique_key] if unique_key is string else unique_key -%}
    {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) %}
    {%- if keys %}
    delete from {{ target }} as replaced
    using (select distinct {{ keys | join(', ') }} from {{ source }}) as built
    where
        {%- for key in keys %}
        {{ 'and ' if not loop.first }}replaced.{{ key }} = built.{{ key }}
        {%- endfor %}
        {%- for predicate in incremental_predicates or [] %}
        and {{ predicate }}
        {%- endfor %};
    {%- endif %}
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ source }}
{%- endmacro %}
