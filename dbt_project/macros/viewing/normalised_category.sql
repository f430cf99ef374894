{#-
    A category's name for comparing: lower case, "&" as "and", without accents, punctuation, trade-mark signs and spaces;
    null if nothing is left. "+" and "#" stay, because they may tell two games apart.
-#}
{% macro normalised_category(expression) -%}
    {%- set signs = " \u00a0\t-_/.,:;!?()[]*~|`\"''‘’“”´–—‐…·•™®©" -%}
    {%- set combining_accents = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327\u0328" -%}
    nullif(translate(replace({{ unaccented(expression) }}, '&', 'and'), '{{ signs ~ combining_accents }}', ''), '')
{%- endmacro %}
