{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='session_day_user',
    on_schema_change='append_new_columns',
    order_by='(session_day, user_id)'
) }}

select
    concat(user_id, '_', toString(toDate(occurred_at))) as session_day_user,
    toStartOfDay(occurred_at) as session_day,
    user_id,
    countIf(event_name = 'session_start') as starts,
    countIf(event_name = 'session_end') as ends
from {{ ref('stg_events') }}
where {{ since('toStartOfDay(occurred_at)', 3, 'session_day') }}
group by user_id, session_day, session_day_user
