{#- The last builds of this model and of its inputs by name, and the build of each input that it has seen. -#}
{% macro known_builds(inputs) -%}
    {%- set names = "'" ~ ([this.identifier] + inputs) | join("', '") ~ "'" -%}
    {%- set rows = run_query(
        'select models.model, models.build_number, models.complete_since, models.load_number, models.load_id,'
        ~ ' models.definition, inputs.build_number as seen from ' ~ builds_schema() ~ '.models as models left join '
        ~ builds_schema() ~ ".inputs as inputs on inputs.model = '" ~ this.identifier ~ "' and inputs.input = models.model"
        ~ ' where models.model in (' ~ names ~ ')'
    ) -%}
    {%- set known = {'models': {}, 'seen': {}} -%}
    {%- for row in rows -%}
        {%- do known.models.update({row['model']: {
            'build_number': row['build_number'] | int, 'complete_since': row['complete_since'] | int,
            'load_number': row['load_number'] | int, 'load_id': row['load_id'], 'definition': row['definition'],
        }}) -%}
        {%- do known.seen.update({row['model']: row['seen'] | int}) if row['seen'] is not none -%}
    {%- endfor -%}
    {{ return(known) }}
{%- endmacro %}
