{#- Tells those who build on this model (meta.changes) the keys of what a build changes, as it was and as it is now. -#}
{% macro tell_changes(arguments) -%}
    {%- set told = model.config.meta.get('changes') -%}
    {%- if told %}
    insert into {{ builds_schema() }}.{{ this.identifier }}__changes (build_number, {{ told | join(', ') }})
    select distinct cast({{ build_state().build_number + 1 }} as bigint), {{ told | join(', ') }}
    from {{ difference(arguments, is_touched('replaced'), is_touched('built')) }};
    {%- endif %}
{%- endmacro %}
