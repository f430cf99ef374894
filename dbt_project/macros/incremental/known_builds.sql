{#- The last builds of this model and of its inputs by name, and the build of each input that it has seen. -#}
{% macro known_builds(inputs) -%}
    {%- set numbers = ['build_number', 'full_number', 'complete_since', 'load_number'] -%}
    {%- set names = "'" ~ ([this.identifier] + inputs) | join("', '") ~ "'" -%}
    {%- set rows = run_query(
        'select models.*, inputs.build_number as seen from ' ~ builds_schema() ~ '.models as models left join '
        ~ builds_schema() ~ ".inputs as inputs on inputs.model = '" ~ this.identifier ~ "' and inputs.input = models.model"
        ~ ' where models.model in (' ~ names ~ ')'
    ) -%}
    {%- set known = {'models': {}, 'seen': {}} -%}
    {%- for row in rows -%}
        {%- set build = {'load_id': row['load_id'], 'definition': row['definition']} -%}
        {%- for number in numbers -%}
            {%- do build.update({number: row[number] | int}) -%}
        {%- endfor -%}
        {%- do known.models.update({row['model']: build}) -%}
        {%- do known.seen.update({row['model']: row['seen'] | int}) if row['seen'] is not none -%}
    {%- endfor -%}
    {{ return(known) }}
{%- endmacro %}
