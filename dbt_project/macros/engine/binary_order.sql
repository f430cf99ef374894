{#- A text to order by, character by character alike on every engine: not by the rules of the server's language. -#}
{% macro binary_order(expression) -%}
    {{ return(adapter.dispatch('binary_order')(expression)) }}
{%- endmacro %}

{% macro default__binary_order(expression) -%}
    {{ expression }}
{%- endmacro %}

{% macro postgres__binary_order(expression) -%}
    {{ expression }} collate "C"
{%- endmacro %}
