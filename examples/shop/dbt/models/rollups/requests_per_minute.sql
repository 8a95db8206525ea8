-- Live, as events_per_minute: what each page view says of the answer, by minute, service, endpoint and version.
-- Merge it when you read it: sum the counts, sumMap the buckets, quantilesTDigestMerge the latency.
{{ config(
    materialized='materialized_view',
    engine='AggregatingMergeTree',
    order_by='(minute, service, endpoint, version)',
    partition_by='toYYYYMM(minute)'
) }}

select
    toStartOfMinute(occurred_at) as minute,
    -- Which part of the shop answers which page.
    multiIf(
        startsWith(endpoint, '/c/'), 'catalog',
        startsWith(endpoint, '/search'), 'search',
        startsWith(endpoint, '/cart') or startsWith(endpoint, '/checkout'), 'checkout',
        startsWith(endpoint, '/account'), 'account',
        'other'
    ) as service,
    ifNull(properties_json.path.:String, '') as endpoint,
    ifNull(properties_json.version.:String, '') as version,
    sumSimpleState(toUInt64(1)) as requests,
    sumSimpleState(toUInt64(ifNull(accurateCastOrNull(toString(properties_json.status), 'Int64'), 0) >= 500)) as errors,
    quantilesTDigestState(0.5, 0.95, 0.99)(
        ifNull(accurateCastOrNull(toString(properties_json.ms), 'Float64'), 0)) as latency,
    sumMapSimpleState(map(
        -- The upper bound of the bucket, in ms; 65535: above them all.
        toUInt16(arrayFirst(
            bound -> bound >= ifNull(accurateCastOrNull(toString(properties_json.ms), 'Float64'), 0),
            [50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 2500, 65535])),
        toUInt64(1))) as buckets
from {{ source('analytics', 'events') }}
where event_name = 'page_view'
group by minute, service, endpoint, version
