{{
    config(
        materialized='incremental',
        unique_key=['client', 'order_id'],
        indexes=[
            {'columns': ['client', 'order_id'], 'unique': true},
        ]
    )
}}

{%- call touched_keys() %}
{{ records_touched('pedido', 'order_id') }}
{%- endcall %}

with

records as (

    {{ latest_records('pedido', 'order_id') }}

),

final as (

    select
        client,
        record_key as order_id,
        content_hash,
        {{ json_text('payload', ['status']) }} as status,
        {{ json_text('payload', ['cliente', 'id']) }} as customer_id,
        {{ json_text('payload', ['cliente', 'nome']) }} as customer_name,
        {{ json_text('payload', ['cliente', 'email']) }} as customer_email,
        {{ json_text('payload', ['cliente', 'endereco', 'cidade']) }} as city,
        {{ json_text('payload', ['cliente', 'endereco', 'uf']) }} as state,
        {{ json_text('payload', ['observacao']) }} as note,
        {{ json_member('payload', ['itens']) }} as items,
        {{ json_length(json_member('payload', ['itens'])) }} as item_count,
        {{ json_decimal('payload', ['total']) }} as total_amount,
        {{ json_decimal('payload', ['frete']) }} as freight_amount,
        cast({{ json_decimal('payload', ['parcelas']) }} as bigint) as installment_count,
        day as ordered_on,
        {{ json_timestamp('payload', ['criado_em']) }} as created_at,
        {{ json_timestamp('payload', ['atualizado_em']) }} as updated_at,
        seen_at,
        loaded_at
    from records

)

select * from final
