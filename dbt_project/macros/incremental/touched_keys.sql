{#-
    {% call touched_keys() %} a query {% endcall %}: the keys (unique_key) that a build computes anew, each once; with
    meta.recomputed_from, from the least value of that column on. In a full build there are none.
-#}
{% macro touched_keys() -%}
    {%- if not execute -%}
        {%- do caller() -%}
    {%- elif is_incremental() -%}
        {%- set keys = [config.get('unique_key')] if config.get('unique_key') is string else config.get('unique_key') -%}
        {%- set since = model.config.meta.get('recomputed_from') -%}
        {%- do make_touched(
            'select ' ~ keys | join(', ') ~ (', min(' ~ since ~ ') as ' ~ since if since else '') ~ ' from ('
            ~ caller() ~ ') as keys where ' ~ keys | join(' is not null and ') ~ ' is not null group by ' ~ keys | join(', ')
        ) -%}
    {%- endif -%}
{%- endmacro %}
