{#- For on-run-start: the tables that say of each incremental model up to where its last build had read its inputs. -#}
{% macro keep_builds() -%}
    {%- set schema = builds_schema() -%}
    create schema if not exists {{ schema }};
    create table if not exists {{ schema }}.models (
        model text not null, build_number bigint not null, complete_since bigint not null,
        load_number bigint not null, load_id text, definition text not null,
        full_number bigint not null, full_reason text
    );
    create table if not exists {{ schema }}.inputs (
        model text not null, input text not null, build_number bigint not null
    )
{%- endmacro %}
