{#- A list of keys, whatever characters they are made of, as the path that json_member and json_text look for. -#}
{% macro json_path(keys) -%}
    {{ return(adapter.dispatch('json_path')(keys)) }}
{%- endmacro %}

{% macro default__json_path(keys) -%}
    {%- set parts = [] -%}
    {%- for key in keys -%}
        {%- do parts.append(key | replace('~', '~0') | replace('/', '~1') | replace("'", "''")) -%}
    {%- endfor -%}
    '/{{ parts | join("/") }}'
{%- endmacro %}

{% macro postgres__json_path(keys) -%}
    {%- set parts = [] -%}
    {%- for key in keys -%}
        {%- do parts.append(key | replace('\\', '\\\\') | replace('"', '\\"') | replace("'", "''")) -%}
    {%- endfor -%}
    '{"{{ parts | join('","') }}"}'
{%- endmacro %}
