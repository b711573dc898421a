{# What `query-comment: {comment: "{{ costlens.query_comment(node) }}"}` puts beside every statement: the node, the same in every run. #}
{% macro query_comment(node) -%}
    {%- set fields = costlens.fields(node) -%}
    {%- if target.type == 'bigquery' -%}
        {%- set labels = {} -%}
        {%- for name, value in fields.items() -%}
            {%- set label = costlens.label(value) -%}
            {%- if label | length <= 63 -%}{%- do labels.update({'cl_' ~ name: label}) -%}{%- endif -%}
        {%- endfor -%}
        {{- tojson(labels) -}}
    {%- else -%}
        {%- set pairs = [] -%}
        {%- for name, value in fields.items() if modules.re.fullmatch('[A-Za-z0-9_./@:-]+', value) and '--' not in value -%}
            {%- do pairs.append('cl_' ~ name ~ '=' ~ value | replace(':', '=3A')) -%}
        {%- endfor -%}
        {{- pairs | join(' ') -}}
    {%- endif -%}
{%- endmacro %}

{# The fields of a CostLens tag that dbt knows of a node. #}
{% macro fields(node) -%}
    {%- set found = {'o': 'dbt'} -%}
    {%- if node is not none and node is defined and node.unique_id is defined -%}
        {%- do found.update({'n': node.unique_id}) -%}
        {%- if node.original_file_path is defined -%}{%- do found.update({'f': node.original_file_path ~ ':1'}) -%}{%- endif -%}
    {%- endif -%}
    {{- return(found) -}}
{%- endmacro %}

{# A text as a BigQuery label that CostLens reads back exactly: `model.shop.orders` is `-model-dshop-dorders`. #}
{% macro label(value) -%}
    {%- if modules.re.fullmatch('[a-z0-9_][a-z0-9_-]{0,62}', value) -%}{{- return(value) -}}{%- endif -%}
    {%- set marks = {'-': '--', '.': '-d', '/': '-s', ':': '-c', ' ': '-b'} -%}
    {%- set parts = ['-'] -%}
    {%- for char in value -%}
        {%- if modules.re.fullmatch('[a-z0-9_]', char) -%}{%- do parts.append(char) -%}
        {%- elif modules.re.fullmatch('[A-Z]', char) -%}{%- do parts.append('-u' ~ char | lower) -%}
        {%- elif char in marks -%}{%- do parts.append(marks[char]) -%}
        {%- else -%}{{- return('x' * 64) -}}
        {%- endif -%}
    {%- endfor -%}
    {{- return(parts | join('')) -}}
{%- endmacro %}
