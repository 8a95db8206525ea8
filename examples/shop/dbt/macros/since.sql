{#
  What an incremental run makes anew: whole days, from so many before the last one that is there, or before today.
  `millrace transform backfill` says from when to when instead, also in whole days. A first build takes everything.
#}
{% macro since(column, days=0, last=none) -%}
    {%- if not is_incremental() -%}
        true
    {%- elif var('millrace_from', none) is not none -%}
        {{ column }} >= toStartOfDay(toDateTime('{{ var("millrace_from") }}', 'UTC'))
        and {{ column }} < toStartOfDay(toDateTime('{{ var("millrace_to") }}', 'UTC') + interval 86399 second)
    {%- else -%}
        {{ column }} + interval {{ days }} day >= least(toStartOfDay(now('UTC')), (select max({{ last }}) from {{ this }}))
    {%- endif -%}
{%- endmacro %}
