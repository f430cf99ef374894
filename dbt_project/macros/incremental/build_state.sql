{#-
    What this model's last build had read and what there is to read now, asked once a build: `load_number` and `seen` are up
    to where it has read loads and inputs, `until` and `inputs` up to where they go; `full_reason` is why that no longer fits.
-#}
{% macro build_state() -%}
    {%- set states = graph.setdefault('build_states', {}) -%}
    {%- if states.get(this.identifier, {}).get('invocation_id') != invocation_id -%}
        {%- set made_of, newest = upstream(model), newest_load() -%}
        {%- set known = known_builds(made_of.tables) -%}
        {%- set mine = known.models.get(this.identifier, {'load_number': 0, 'build_number': 0}) -%}
        {%- set state = {
            'definition': definition(made_of), 'seen': known.seen, 'inputs': {}, 'until': newest,
            'load_number': mine.load_number, 'build_number': mine.build_number, 'invocation_id': invocation_id,
            'complete_since': mine.complete_since | default(0), 'full_number': mine.full_number | default(0),
        } -%}
        {%- for table in made_of.tables -%}
            {%- do state.inputs.update({table: known.models.get(table, {'build_number': 0}).build_number}) -%}
        {%- endfor -%}
        {%- do state.update({'full_reason': full_reason(state, mine, known)}) -%}
        {%- do states.update({this.identifier: state}) -%}
    {%- endif -%}
    {{ return(states[this.identifier]) }}
{%- endmacro %}
