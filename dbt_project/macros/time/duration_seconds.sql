{#- The seconds of a duration such as 3h2m1s, 3m21s or 50s; null for anything else. -#}
{% macro duration_seconds(expression) -%}
    {%- set hours = regexp_group(expression, '^([0-9]{1,6})h([0-9]{1,6}m)?([0-9]{1,6}s)?$') -%}
    {%- set minutes = regexp_group(expression, '^(?:[0-9]{1,6}h)?([0-9]{1,6})m([0-9]{1,6}s)?$') -%}
    {%- set seconds = regexp_group(expression, '^(?:[0-9]{1,6}h)?(?:[0-9]{1,6}m)?([0-9]{1,6})s$') -%}
    case
        when coalesce({{ hours }}, {{ minutes }}, {{ seconds }}) is not null
            then coalesce(cast({{ hours }} as bigint), 0) * 3600
                + coalesce(cast({{ minutes }} as bigint), 0) * 60
                + coalesce(cast({{ seconds }} as bigint), 0)
    end
{%- endmacro %}
