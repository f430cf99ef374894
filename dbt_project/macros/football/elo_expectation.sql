{#- What a side may expect of a match, 0 to 1, by Elo; ratings and advantage are in hundredths of a point. -#}
{% macro elo_expectation(rating, opponent_rating, advantage) -%}
    1 / (1 + power(
        cast(10 as double precision),
        ({{ opponent_rating }} - {{ rating }} - {{ advantage }}) / cast(40000 as double precision)
    ))
{%- endmacro %}
