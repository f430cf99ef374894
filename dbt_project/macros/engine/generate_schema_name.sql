{#-
    The schema of a folder as it is named there, without the target's schema before it: readers query live.dim_channels.
    AIRTIME_SCHEMA_PREFIX puts all of them beside those of others: for comparing, or for a developer.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ env_var('AIRTIME_SCHEMA_PREFIX', '') }}{{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
