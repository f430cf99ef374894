{#- Whether a row of staging came with a load that this model has not read yet. -#}
{% macro is_new(relation=none) -%}
    {{ relation ~ '.' if relation }}load_number > {{ build_state().load_number if execute else 0 }}
{%- endmacro %}
