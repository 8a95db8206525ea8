select (occurred_at at time zone 'UTC')::date, properties->>'version', count(*),
       count(*) filter (where (properties->>'status')::int >= 500),
       count(*) filter (where (properties->>'status')::int >= 500)::float8 / count(*)
  from events where event_name = 'page_view' and properties ? 'version' group by 1, 2
-- ClickHouse
select day, app_version, requests, errors, error_rate from marts.error_rate_by_version
