{#- How many members a JSON list has; null for what is no list. -#}
{% macro json_length(expression) -%}
    {{ return(adapter.dispatch('json_length')(expression)) }}
{%- endmacro %}

{% macro default__json_length(expression) -%}
    case when json_type({{ expression }}) = 'ARRAY' then cast(json_array_length({{ expression }}) as bigint) end
{%- endmacro %}

{% macro postgres__json_length(expression) -%}
    case
        when jsonb_typeof({{ expression }}) = 'array' then cast(jsonb_array_length({{ expression }}) as bigint)
    end
{%- endmacro %}
