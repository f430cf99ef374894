{#-
    A hash of all that gives a model its meaning: its SQL, the views, macros and settings behind it, and the seeds, which
    are inputs like any other to a model that is computed whole each time.
-#}
{% macro definition(made_of) -%}
    {%- set seeds = made_of.seeds if config.get('incremental_strategy') != 'difference' else [] -%}
    {%- set parts, called = made_of.code + seeds + [slot_seconds() | string], [] -%}
    {%- for id in made_of.macros if id.startswith('macro.airtime.') and id not in called -%}
        {%- set macro = context['airtime'][id.split('.')[-1]].macro -%}
        {%- do called.append(id) -%}
        {%- do parts.append(macro.macro_sql) -%}
        {#- the loop goes on over what is added to it -#}
        {%- do made_of.macros.extend(macro.depends_on.macros) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | sort | join('\n'))) }}
{%- endmacro %}
