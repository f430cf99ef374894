{#- The newest load, and the id that the load of a number has now: another one in a warehouse that was restored. -#}
{% macro newest_load(load_number) -%}
    {%- set loads = source('raw_ops', 'loads') -%}
    {%- set row = run_query(
        'select newest.load_number, newest.load_id, (select load_id from ' ~ loads ~ ' where load_number = '
        ~ load_number ~ ') as fits_load_id from ' ~ loads ~ ' as newest'
        ~ ' where newest.load_number = (select max(load_number) from ' ~ loads ~ ')'
    ) -%}
    {%- set none_yet = {'load_number': 0, 'load_id': none, 'fits_load_id': none} -%}
    {{ return(row[0] if row | length else none_yet) }}
{%- endmacro %}
