{#- The keys of rows that an incremental model has changed, before and after, since this one read it last: a subquery. -#}
{% macro changes_of(name) -%}
    {%- set relation = ref(name) -%}
    (
        select * from {{ builds_schema() }}.{{ name }}__changes
        where build_number > {{ build_state().seen.get(name, 0) if execute and is_incremental() else 0 }}
    )
{%- endmacro %}
