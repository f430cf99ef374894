{#-
    The earliest slot, as a literal, of those that intervals are built from again, so that scans of the history begin
    there: the last one of each broadcast that new polls may end or new snapshots go on with. That is looked for from
    where such a broadcast was last open, or else from its start; an API may correct a start by less than a day.
-#}
{% macro earliest_preceding(snapshots, polls, polled_since) -%}
    {%- if is_incremental() and execute -%}
        {%- set is_new = unseen() %}
        {%- set known -%}
            with

            tails as (

                select
                    platform,
                    stream_id,
                    slot_at
                from {{ this }}
                where is_open and platform in (select platform from {{ polls }} where {{ is_new }})

            ),

            new_snapshots as (

                select
                    platform,
                    stream_id,
                    min(slot_at) as slot_at,
                    min(started_at) as started_at
                from {{ snapshots }}
                where {{ is_new }}
                group by platform, stream_id

            ),

            ended as (

                select slot_at from tails
                union all
                select slot_at from {{ this }}
                where closed_slot_at >= {{ polled_since }}

            ),
        {%- endset %}
        {%- set looked_for -%}
            {{ known }}

            starts as (

                select slot_at from ended
                union all
                select
                    least(
                        new_snapshots.slot_at,
                        coalesce(new_snapshots.started_at, timestamp '0001-01-02 00:00:00') - interval '1 day'
                    ) as slot_at
                from new_snapshots
                left join tails
                    on
                        new_snapshots.platform = tails.platform
                        and new_snapshots.stream_id = tails.stream_id
                        and new_snapshots.slot_at > tails.slot_at
                where tails.stream_id is null

            )

            select min(slot_at) as earliest from starts
        {%- endset %}
        {%- set since = run_query(looked_for).columns[0].values()[0] or '9999-01-01 00:00:00' %}
        {%- set found -%}
            {{ known }}

            preceding as (

                select slot_at from ended
                union all
                select (
                    select max(seen.slot_at)
                    from {{ this }} as seen
                    where
                        seen.platform = new_snapshots.platform
                        and seen.stream_id = new_snapshots.stream_id
                        and seen.slot_at < new_snapshots.slot_at
                        and seen.slot_at >= cast('{{ since }}' as timestamp)
                ) as slot_at
                from new_snapshots

            )

            select min(slot_at) as earliest from preceding
        {%- endset -%}
        cast('{{ run_query(found).columns[0].values()[0] or "9999-01-01 00:00:00" }}' as timestamp)
    {%- else -%}
        cast('0001-01-01 00:00:00' as timestamp)
    {%- endif -%}
{%- endmacro %}
