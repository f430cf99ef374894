{#- Every row's key, unless part of it is null, is in the other relation under the same names. -#}
{% test relationship(model, columns, to) %}

select child.*
from {{ model }} as child
where
    {% for column in columns -%}
    child.{{ column }} is not null and
    {% endfor -%}
    not exists (
        select 1
        from {{ to }} as parent
        where {% for column in columns %}{{ 'and ' if not loop.first }}parent.{{ column }} = child.{{ column }} {% endfor %}
    )

{% endtest %}
