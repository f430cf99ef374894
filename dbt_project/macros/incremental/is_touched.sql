{#- Whether a row has a touched key, where `names` says how the relation calls key columns that it calls otherwise. -#}
{% macro is_touched(relation, names={}) -%}
    {%- if execute and is_incremental() -%}
    {%- set keys = [config.get('unique_key')] if config.get('unique_key') is string else config.get('unique_key') -%}
    {%- set since = model.config.meta.get('recomputed_from') -%}
    exists (
        select 1 from {{ touched() }} as touched
        where
            {% for key in keys -%}
            {{ 'and ' if not loop.first }}touched.{{ key }} = {{ relation }}.{{ names.get(key, key) }}
            {% endfor -%}
            {{ 'and ' ~ relation ~ '.' ~ names.get(since, since) ~ ' >= touched.' ~ since if since }}
    )
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}
