{#- The keys of records of a route of atlas of which anything is new, for touched_keys. -#}
{% macro records_touched(route, key='record_key') -%}
    {%- for model in ['stg_atlas__observations', 'stg_atlas__payloads'] %}
    select client, record_key as {{ key }} from {{ ref(model) }}
    where route = '{{ route }}' and {{ is_new() }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
