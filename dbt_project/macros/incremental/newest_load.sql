{#- The newest load when an invocation of dbt first asks for it: that of all its builds, asked once. -#}
{% macro newest_load() -%}
    {%- set found = graph.setdefault('newest_load', {}) -%}
    {%- if found.get('invocation_id') != invocation_id -%}
        {%- set loads = source('raw_ops', 'loads') -%}
        {%- set rows = run_query(
            'select load_number, load_id from ' ~ loads ~ ' where load_number = (select max(load_number) from ' ~ loads ~ ')'
        ) -%}
        {%- set newest = rows[0] if rows | length else {'load_number': 0, 'load_id': none} -%}
        {%- do found.update({
            'load_number': newest.load_number | int, 'load_id': newest.load_id, 'invocation_id': invocation_id
        }) -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}
