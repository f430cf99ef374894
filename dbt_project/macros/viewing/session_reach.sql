{#- Seconds between two broadcasts of a channel, snapshot to start, that are one session: 15 minutes, and a slot of doubt. -#}
{% macro session_reach() -%}
    {{ return(900 + (slot_seconds() | int)) }}
{%- endmacro %}
