{#-
    The last builds of this model and of its inputs by name, with the id that the load of their number has now: another one
    in a warehouse that was restored; and the build of each input that this model has seen.
-#}
{% macro known_builds(inputs) -%}
    {%- set numbers = ['build_number', 'full_number', 'complete_since', 'load_number'] -%}
    {%- set names = "'" ~ ([this.identifier] + inputs) | join("', '") ~ "'" -%}
    {%- set rows = run_query(
        'select models.*, inputs.build_number as seen, loads.load_id as fits_load_id from ' ~ builds_schema()
        ~ '.models as models left join ' ~ builds_schema() ~ ".inputs as inputs on inputs.model = '" ~ this.identifier
        ~ "' and inputs.input = models.model left join " ~ source('raw_ops', 'loads') ~ ' as loads'
        ~ ' on models.load_number = loads.load_number where models.model in (' ~ names ~ ')'
    ) -%}
    {%- set known = {'models': {}, 'seen': {}} -%}
    {%- for row in rows -%}
        {%- set build = dict(zip(rows.column_names, row.values())) -%}
        {%- for number in numbers -%}
            {%- do build.update({number: row[number] | int}) -%}
        {%- endfor -%}
        {%- do known.models.update({row['model']: build}) -%}
        {%- do known.seen.update({row['model']: row['seen'] | int}) if row['seen'] is not none -%}
    {%- endfor -%}
    {{ return(known) }}
{%- endmacro %}
