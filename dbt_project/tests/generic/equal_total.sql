{#- An aggregate over the model equals one over another relation; over no rows both count as 0. -#}
{% test equal_total(model, expression, to, to_expression) %}

select
    ours.total,
    theirs.total as other_total
from (select coalesce({{ expression }}, 0) as total from {{ model }}) as ours
cross join (select coalesce({{ to_expression }}, 0) as total from {{ to }}) as theirs
where ours.total <> theirs.total

{% endtest %}
