{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='event_id',
    on_schema_change='append_new_columns',
    order_by='(event_name, occurred_at, user_id)',
    partition_by='toYYYYMM(occurred_at)'
) }}

select
    event_id,
    user_id,
    event_name,
    occurred_at,
    properties_json.path.:String as path,
    accurateCastOrNull(toString(properties_json.ms), 'Float64') as ms,
    accurateCastOrNull(toString(properties_json.status), 'Int64') as status,
    properties_json.version.:String as version,
    properties_json.device.:String as device,
    ingest_ts
from {{ source('analytics', 'events') }}
where {% if is_incremental() and var('millrace_from', none) is none -%}
    ingest_ts + interval 1 hour >= (select max(ingest_ts) from {{ this }})
    {%- else %}{{ since('occurred_at') }}{% endif %}
order by ingest_ts desc
limit 1 by event_id
