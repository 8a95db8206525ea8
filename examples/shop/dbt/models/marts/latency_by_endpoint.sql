select
    toStartOfHour(occurred_at) as hour,
    assumeNotNull(path) as endpoint,
    count() as requests,
    quantileExactInclusive(0.5)(assumeNotNull(ms)) as p50_ms,
    quantileExactInclusive(0.95)(assumeNotNull(ms)) as p95_ms
from {{ ref('stg_events') }}
where event_name = 'page_view' and path is not null and ms is not null
group by hour, endpoint
order by hour, endpoint
