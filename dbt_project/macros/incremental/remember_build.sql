{#- For a post-hook, in the transaction of the build: up to where it has read loads and inputs, and what it is by definition. -#}
{% macro remember_build() -%}
    {%- if model.config.materialized == 'incremental' %}
    {%- set state, builds, name = build_state(), builds_schema(), this.identifier -%}
    {%- set number, is_full = state.build_number + 1, not is_incremental() -%}
    {%- set reason = state.full_reason or ('dbt was told to' if should_full_refresh() else 'their tables were gone') -%}
    delete from {{ builds }}.models where model = '{{ name }}';
    insert into {{ builds }}.models values (
        '{{ name }}', {{ number }}, {{ number if is_full else state.complete_since }}, {{ state.until.load_number }},
        {{ dbt.string_literal(state.until.load_id) if state.until.load_id else 'null' }},
        '{{ state.definition }}', {{ number if is_full else state.full_number }},
        {{ dbt.string_literal(reason) if is_full else 'null' }}
    );
    delete from {{ builds }}.inputs where model = '{{ name }}';
    {%- for input, seen in state.inputs.items() %}
    insert into {{ builds }}.inputs values ('{{ name }}', '{{ input }}', {{ seen }});
    {%- endfor %}
    {{ renew_changes(number) if is_full else forget_changes(number) }}
    {%- endif -%}
{%- endmacro %}
