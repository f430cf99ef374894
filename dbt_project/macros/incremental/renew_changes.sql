{#- After a full build: an empty table of changes, since whoever builds on this model is built in full as well. -#}
{% macro renew_changes(build_number) -%}
    {%- set changes = builds_schema() ~ '.' ~ this.identifier ~ '__changes' -%}
    drop table if exists {{ changes }};
    {%- set told = model.config.meta.get('changes') -%}
    {%- if told %}
    create table {{ changes }} as
    select cast({{ build_number }} as bigint) as build_number, {{ told | join(', ') }}
    from {{ this }}
    where false
    {%- endif %}
{%- endmacro %}
