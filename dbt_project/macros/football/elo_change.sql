{#- What a match moves a rating by, in whole hundredths of a point; halves is 2 for a win, 1 for a draw, 0 for a loss. -#}
{% macro elo_change(k_factor, halves, rating, opponent_rating, advantage) -%}
    cast(
        floor(
            {{ k_factor }}
            * ({{ halves }} / cast(2 as double precision) - {{ elo_expectation(rating, opponent_rating, advantage) }})
            + 0.5
        ) as bigint
    )
{%- endmacro %}
