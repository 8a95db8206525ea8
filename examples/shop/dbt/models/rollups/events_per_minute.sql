-- Live: ClickHouse adds to it with every block that arrives, between two runs of dbt. Sum it when you read it.
{{ config(
    materialized='materialized_view',
    engine='SummingMergeTree',
    order_by='(minute, event_name)',
    partition_by='toYYYYMM(minute)'
) }}

select
    toStartOfMinute(occurred_at) as minute,
    event_name,
    count() as events
from {{ source('analytics', 'events') }}
group by minute, event_name
