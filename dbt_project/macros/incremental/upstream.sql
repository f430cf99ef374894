{#-
    What a model is made of: itself and the views it reads, down to the seeds, and the incremental models below it, which
    keep their own builds.
-#}
{% macro upstream(node, found=none) -%}
    {%- set found = found if found is not none else {'code': [], 'seeds': [], 'tables': []} -%}
    {%- do found.code.append(node.raw_code) -%}
    {%- for id in node.depends_on.nodes | sort if id in graph.nodes -%}
        {%- set parent = graph.nodes[id] -%}
        {%- if parent.resource_type == 'seed' -%}
            {%- do found.seeds.append(parent.checksum.checksum) -%}
        {%- elif parent.config.materialized == 'view' -%}
            {%- do upstream(parent, found) if parent.raw_code not in found.code -%}
        {%- elif parent.config.materialized == 'incremental' and parent.name not in found.tables -%}
            {%- do found.tables.append(parent.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
