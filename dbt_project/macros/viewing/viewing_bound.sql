{#-
    The lower or upper bound of viewer-seconds of a relation with the columns viewer_seconds_below, _above, _variance:
    what was not sampled counts in full, and the errors between polls, independent of each other, in quadrature.
-#}
{% macro viewing_bound(relation, side) -%}
    {%- set margin = 'cast(floor(sqrt(cast(' ~ relation ~ '.viewer_seconds_variance as double precision)) + 0.5) as bigint)' -%}
    {%- set estimate = relation ~ '.viewer_seconds' -%}
    {%- if side == 'lower' -%}
    case
        when {{ estimate }} is not null
            then greatest(0, {{ estimate }} - {{ relation }}.viewer_seconds_below - {{ margin }})
    end
    {%- else -%}
    {{ estimate }} + {{ relation }}.viewer_seconds_above + {{ margin }}
    {%- endif -%}
{%- endmacro %}
