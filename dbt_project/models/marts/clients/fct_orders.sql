{{
    config(
        materialized='incremental',
        unique_key=['client', 'order_id'],
        indexes=[
            {'columns': ['client', 'order_id'], 'unique': true},
            {'columns': ['loaded_at']},
        ]
    )
}}

with

-- the newest change of an order that has not been seen is newer than all that have
observations as (

    select * from {{ ref('stg_atlas__observations') }}
    where route = 'pedido' and {{ unseen() }}

),

payloads as (

    select * from {{ ref('stg_atlas__payloads') }}
    where route = 'pedido'

),

ranked as (

    select
        observations.*,
        row_number() over (
            partition by observations.client, observations.record_key
            order by observations.seen_at desc, observations.request_id desc, observations.content_hash asc
        ) as newest_rank
    from observations

),

final as (

    select
        ranked.client,
        ranked.record_key as order_id,
        ranked.content_hash,
        {{ json_text('payloads.payload', ['status']) }} as status,
        {{ json_text('payloads.payload', ['cliente', 'id']) }} as customer_id,
        {{ json_text('payloads.payload', ['cliente', 'nome']) }} as customer_name,
        {{ json_text('payloads.payload', ['cliente', 'email']) }} as customer_email,
        {{ json_text('payloads.payload', ['cliente', 'endereco', 'cidade']) }} as city,
        {{ json_text('payloads.payload', ['cliente', 'endereco', 'uf']) }} as state,
        {{ json_text('payloads.payload', ['observacao']) }} as note,
        {{ json_member('payloads.payload', ['itens']) }} as items,
        {{ json_length(json_member('payloads.payload', ['itens'])) }} as item_count,
        {{ json_decimal('payloads.payload', ['total']) }} as total_amount,
        {{ json_decimal('payloads.payload', ['frete']) }} as freight_amount,
        cast({{ json_decimal('payloads.payload', ['parcelas']) }} as bigint) as installment_count,
        ranked.day as ordered_on,
        {{ json_timestamp('payloads.payload', ['criado_em']) }} as created_at,
        {{ json_timestamp('payloads.payload', ['atualizado_em']) }} as updated_at,
        ranked.seen_at,
        ranked.loaded_at
    from ranked
    inner join payloads
        on
            ranked.client = payloads.client
            and ranked.route = payloads.route
            and ranked.content_hash = payloads.content_hash
    where ranked.newest_rank = 1

)

select * from final
