{#-
    What this model's last build had read and what there is to read now, asked once: `load_number` and `seen` are up to
    where it has read loads and inputs, `until` and `inputs` up to where they go; `can_go_on` is whether that still fits.
-#}
{% macro build_state() -%}
    {%- if 'build_state' not in model -%}
        {%- set made_of = upstream(model) -%}
        {%- set known = known_builds(made_of.tables) -%}
        {%- set mine = known.models.get(this.identifier, {}) -%}
        {%- set newest = newest_load(mine.get('load_number', 0)) -%}
        {%- set state = {
            'definition': definition(made_of), 'seen': known.seen, 'inputs': {}, 'until': newest.load_number,
            'until_id': newest.load_id, 'load_number': mine.get('load_number', 0), 'build_number': mine.get('build_number', 0),
            'complete_since': mine.get('complete_since', 0),
        } -%}
        {%- set fits = [mine.get('definition') == state.definition, newest.fits_load_id == mine.get('load_id')] -%}
        {%- for table in made_of.tables -%}
            {%- set input = known.models.get(table, {'build_number': 0, 'complete_since': 0}) -%}
            {%- do state.inputs.update({table: input.build_number}) -%}
            {%- do fits.append(input.complete_since <= known.seen.get(table, -1) <= input.build_number) -%}
        {%- endfor -%}
        {%- do state.update({'can_go_on': false not in fits}) -%}
        {%- do model.update({'build_state': state}) -%}
    {%- endif -%}
    {{ return(model['build_state']) }}
{%- endmacro %}
