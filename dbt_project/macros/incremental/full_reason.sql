{#- Why a model can not go on from its last build and is built in full, for people; none if it can. -#}
{% macro full_reason(state, mine, known) -%}
    {%- if 'definition' not in mine -%}
        {{ return('this version has not built them yet' if load_relation(this) else 'they are new') }}
    {%- elif mine.definition != state.definition -%}
        {{ return('their code, a seed or a setting has changed') }}
    {%- elif mine.fits_load_id != mine.load_id -%}
        {{ return('loads that they had read are gone, as after a restore') }}
    {%- endif -%}
    {%- for name, build_number in state.inputs.items() -%}
        {%- set input, seen = known.models.get(name), known.seen.get(name) -%}
        {%- if not input or seen is none -%}
            {{ return('what they read is new to them') }}
        {%- elif seen > build_number -%}
            {{ return('builds that they had read are gone, as after a restore') }}
        {%- elif seen < input.full_number -%}
            {{ return('what they read was built in full') }}
        {%- elif seen < input.complete_since -%}
            {{ return('changes that they have not read are kept no longer') }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(none) }}
{%- endmacro %}
