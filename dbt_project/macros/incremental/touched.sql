{#- The name of the table of the keys that a build computes anew. -#}
{% macro touched() -%}
    {{ return(this.identifier ~ '__touched') }}
{%- endmacro %}
