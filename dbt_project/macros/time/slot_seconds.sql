{#- Length of a collection slot as a number: the setting that extraction cuts time by. -#}
{% macro slot_seconds() -%}
    {{ return(env_var('COLLECTION_INTERVAL_MINUTES', '5') | int * 60) }}
{%- endmacro %}
