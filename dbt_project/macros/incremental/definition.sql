{#-
    A hash of all that gives a model its meaning: its SQL, the views, macros and settings behind it, and the seeds, which
    are inputs like any other to a model that is computed whole each time. Macros are found by their names, since what
    dbt itself notes of them grows with what a build happens to call.
-#}
{% macro definition(made_of) -%}
    {%- set seeds = made_of.seeds if config.get('incremental_strategy') != 'difference' else [] -%}
    {%- set parts, called = made_of.code + seeds + [slot_seconds() | string], [] -%}
    {%- set known, unread = context['airtime'], [made_of.code | join('\n')] -%}
    {%- for code in unread -%}
        {%- set macros = [] -%}
        {%- for found in modules.re.findall('([a-z_0-9]+)[(]', code) | unique if found in known and found not in called -%}
            {%- do called.append(found) -%}
            {%- for name in [found, 'default__' ~ found, target.type ~ '__' ~ found] if name in known -%}
                {%- do macros.append(known[name].macro.macro_sql) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- do parts.extend(macros) -%}
        {#- the loop goes on over what is added to it -#}
        {%- do unread.append(macros | join('\n')) if macros -%}
    {%- endfor -%}
    {{ return(local_md5(parts | sort | join('\n'))) }}
{%- endmacro %}
