{#- Whether a fixture's state is one of a set: final, decided (off the pitch), dead (no longer to be played). -#}
{% macro in_states(expression, set_name) -%}
    {%- set states = {'final': [5, 7, 8], 'decided': [14, 17], 'dead': [12, 15, 20]} -%}
    {{ expression }} in ({{ states[set_name] | join(', ') }})
{%- endmacro %}
