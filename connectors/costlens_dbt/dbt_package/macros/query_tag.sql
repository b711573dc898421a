{# Snowflake's query tag with the node in it, by `dispatch`: the model's own tag, else the session's, is kept and set again. #}
{% macro snowflake__set_query_tag() -%}
    {%- set original = get_current_query_tag() or '' -%}
    {%- set own = config.get('query_tag') or original -%}
    {%- do run_query("alter session set query_tag = '" ~ costlens.tag(own, model) | replace("\\", "\\\\") | replace("'", "''") ~ "'") -%}
    {{- return(original) -}}
{%- endmacro %}

{% macro snowflake__unset_query_tag(original_query_tag) -%}
    {%- if original_query_tag -%}
        {%- do run_query("alter session set query_tag = '" ~ original_query_tag | replace("\\", "\\\\") | replace("'", "''") ~ "'") -%}
    {%- else -%}
        {%- do run_query('alter session unset query_tag') -%}
    {%- endif -%}
{%- endmacro %}

{# A tag that holds ours and the own one; the own one alone where both do not fit into 2,000 characters. #}
{% macro tag(own, node) -%}
    {%- set ours = {'v': 1} -%}
    {%- do ours.update(costlens.fields(node)) -%}
    {%- set parsed = fromjson(own, none) if own and own.strip().startswith('{') else none -%}
    {%- if parsed is mapping -%}
        {%- do parsed.update({'_cl': ours}) -%}
    {%- elif own -%}
        {%- do ours.update({'w': 1}) -%}
        {%- set parsed = {'tag': own, '_cl': ours} -%}
    {%- else -%}
        {%- set parsed = {'_cl': ours} -%}
    {%- endif -%}
    {%- set text = tojson(parsed) -%}
    {{- return(text if text | length <= 2000 else own) -}}
{%- endmacro %}
