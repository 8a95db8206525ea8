select to_char(date_trunc('hour', occurred_at at time zone 'UTC'), 'YYYY-MM-DD HH24:MI:SS'), properties->>'path', count(*),
       round((percentile_cont(0.5) within group (order by (properties->>'ms')::float8))::numeric, 3),
       round((percentile_cont(0.95) within group (order by (properties->>'ms')::float8))::numeric, 3)
  from events where event_name = 'page_view' and properties ? 'path' group by 1, 2
-- ClickHouse
select hour, endpoint, requests, toDecimalString(p50_ms, 3), toDecimalString(p95_ms, 3) from marts.latency_by_endpoint
