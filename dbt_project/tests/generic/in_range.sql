{#- No value is below the minimum or above the maximum; nulls pass. -#}
{% test in_range(model, column_name, minimum=none, maximum=none) %}

select {{ column_name }}
from {{ model }}
where
    {{ column_name }} < {{ minimum if minimum is not none else column_name }}
    or {{ column_name }} > {{ maximum if maximum is not none else column_name }}

{% endtest %}
