select to_char(date_trunc('minute', occurred_at at time zone 'UTC'), 'YYYY-MM-DD HH24:MI:SS'), event_name, count(*)
  from events group by 1, 2
-- ClickHouse
select minute, event_name, sum(events) from marts.events_per_minute group by minute, event_name
