{#-
    What this model's last build had read and what there is to read now, asked once: `load_number` and `seen` are up to
    where it has read loads and inputs, `until` and `inputs` up to where they go; `full_reason` is why that no longer fits.
-#}
{% macro build_state() -%}
    {%- if 'build_state' not in model -%}
        {%- set made_of = upstream(model) -%}
        {%- set known = known_builds(made_of.tables) -%}
        {%- set mine = known.models.get(this.identifier, {'load_number': 0, 'build_number': 0}) -%}
        {%- set newest = newest_load(mine.load_number) -%}
        {%- set state = {
            'definition': definition(made_of), 'seen': known.seen, 'inputs': {}, 'until': newest.load_number,
            'until_id': newest.load_id, 'load_number': mine.load_number, 'build_number': mine.build_number,
            'complete_since': mine.complete_since | default(0), 'full_number': mine.full_number | default(0),
        } -%}
        {%- for table in made_of.tables -%}
            {%- do state.inputs.update({table: known.models.get(table, {'build_number': 0}).build_number}) -%}
        {%- endfor -%}
        {%- do state.update({'full_reason': full_reason(state, mine, known, newest.fits_load_id)}) -%}
        {%- do model.update({'build_state': state}) -%}
    {%- endif -%}
    {{ return(model['build_state']) }}
{%- endmacro %}
