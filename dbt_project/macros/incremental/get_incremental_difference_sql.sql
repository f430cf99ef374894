{#- Incremental strategy for small models that are computed whole: only what differs is written, and told. -#}
{% macro get_incremental_difference_sql(arguments) -%}
    {%- set keys = [arguments.unique_key] if arguments.unique_key is string else arguments.unique_key -%}
    {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) -%}
    {%- do make_touched('select distinct ' ~ keys | join(', ') ~ ' from ' ~ difference(arguments, 'true', 'true')) -%}
    {{ tell_changes(arguments) }}
    delete from {{ arguments.target_relation }} as replaced
    where {{ is_touched('replaced') }};
    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arguments.temp_relation }} as built
    where {{ is_touched('built') }}
{%- endmacro %}
