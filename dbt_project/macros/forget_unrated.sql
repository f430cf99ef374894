{#- For a post-hook of ratings: removes matches that count no longer; what came after them has been rated again. -#}
{% macro forget_unrated() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where fixture_id not in (
            select fixture_id
            from {{ ref('fct_fixtures') }}
            where is_final and result is not null and not is_deleted and kickoff_at is not null
        )
    {%- endif -%}
{%- endmacro %}
