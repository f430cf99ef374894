{#-
    The earliest slot, as a literal, that may matter for what ends broadcasts: that of a new poll, or of a broadcast
    that no complete poll has ended yet.
-#}
{% macro earliest_open(polled_since) -%}
    {%- set query = 'select min(slot_at) as earliest from ' ~ this ~ ' where is_open' -%}
    {%- set open_since = run_query(query).columns[0].values()[0] if execute else none -%}
    least({{ polled_since }}, cast('{{ open_since or "9999-01-01 00:00:00" }}' as timestamp))
{%- endmacro %}
