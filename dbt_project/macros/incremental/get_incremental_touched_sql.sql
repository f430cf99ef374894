{#- Incremental strategy: what is touched goes and is put in anew, whether anything is left of it or not. -#}
{% macro get_incremental_touched_sql(arguments) -%}
    {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) -%}
    {{ tell_changes(arguments) }}
    delete from {{ arguments.target_relation }} as replaced
    where {{ is_touched('replaced') }};
    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arguments.temp_relation }}
{%- endmacro %}
