{#-
    Now and then, changes go that every reader has read, and those of more than a thousand builds ago: who reads this
    model more seldom is built in full.
-#}
{% macro forget_changes(build_number) -%}
    {%- if model.config.meta.get('changes') and build_number % 16 == 0 %}
    {%- set builds, name = builds_schema(), this.identifier -%}
    update {{ builds }}.models set complete_since = greatest(complete_since, {{ build_number - 1000 }}, (
        select coalesce(min(build_number), 0) from {{ builds }}.inputs where input = '{{ name }}'
    ))
    where model = '{{ name }}';
    delete from {{ builds }}.{{ name }}__changes
    where build_number <= (select complete_since from {{ builds }}.models where model = '{{ name }}')
    {%- endif %}
{%- endmacro %}
