{#-
    For a pre-hook: removes what an incremental model holds of touched fixtures (or of what `key` names), since
    delete+insert leaves the rows of a key that has none any more, such as a fixture whose events were emptied.
-#}
{% macro forget_touched(key='fixture_id', loaded_at='loaded_at') -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where {{ key }} in (select {{ key }} from {{ ref('fct_fixtures') }} where {{ unseen(loaded_at) }})
    {%- endif -%}
{%- endmacro %}
