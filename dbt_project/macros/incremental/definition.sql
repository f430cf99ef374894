{#- A hash of all that gives a model its meaning: its SQL, the views, macros and settings behind it, and the seeds. -#}
{% macro definition(made_of) -%}
    {%- set parts = made_of.code + made_of.seeds + [slot_seconds() | string] -%}
    {%- for macro in context['airtime'].values() -%}
        {%- do parts.append(macro.macro.macro_sql) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | sort | join('\n'))) }}
{%- endmacro %}
