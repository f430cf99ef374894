{#-
    The day, as a literal, from which numbers of days may have changed without a row of their own: that of the earliest
    new poll, or the last one this model holds, whose expected polls grow with the clock. Before everything in a full build.
-#}
{% macro open_days(polls) -%}
    {%- if is_incremental() and execute -%}
        {%- set last_day = run_query('select max(day) as last_day from ' ~ this).columns[0].values()[0] -%}
        least(
            cast({{ earliest_unseen(polls, 'slot_at') }} as date),
            cast('{{ last_day or "0001-01-01" }}' as date)
        )
    {%- else -%}
        cast('0001-01-01' as date)
    {%- endif -%}
{%- endmacro %}
