{#- The schema of a folder as it is named there, without the target's schema before it: readers query live.dim_channels. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
