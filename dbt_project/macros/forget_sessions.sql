{#-
    For a pre-hook: removes the sessions that a new or changed broadcast may belong to, or that come after it, since a
    late one may join two; what remains ended too early to be touched.
-#}
{% macro forget_sessions() -%}
    {%- if is_incremental() -%}
        delete from {{ this }} as sessions
        using (
            select platform, channel_id, min(started_at) as started_at
            from {{ ref('fct_streams') }}
            where {{ unseen() }}
            group by platform, channel_id
        ) as touched
        where
            sessions.platform = touched.platform
            and sessions.channel_id = touched.channel_id
            and sessions.last_seen_at >= touched.started_at - {{ session_reach() }} * interval '1 second'
    {%- endif -%}
{%- endmacro %}
