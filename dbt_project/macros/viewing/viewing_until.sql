{#- Viewer-seconds from the start of a stretch until `second` of it, whole, viewers changing evenly over its `seconds`. -#}
{% macro viewing_until(second, seconds, start_viewers, end_viewers) -%}
    {{ start_viewers }} * {{ second }}
    + cast(
        floor(
            cast(({{ end_viewers }} - {{ start_viewers }}) * {{ second }} * {{ second }} as double precision)
            / (2 * greatest({{ seconds }}, 1))
        ) as bigint
    )
{%- endmacro %}
