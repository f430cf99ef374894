{#- A team's name for comparing: lower case, without accents, punctuation and words that many clubs have. -#}
{% macro normalised_name(expression) -%}
    {%- set ns = namespace(name="' ' || translate(" ~ unaccented(expression) ~ ", '-_/.,&()''', '   ') || ' '") -%}
    {%- for word in ['fc', 'cf', 'ac', 'afc', 'sc', 'de', 'la', 'club'] -%}
        {%- set ns.name = "replace(" ~ ns.name ~ ", ' " ~ word ~ " ', ' ')" -%}
    {%- endfor -%}
    replace({{ ns.name }}, ' ', '')
{%- endmacro %}
