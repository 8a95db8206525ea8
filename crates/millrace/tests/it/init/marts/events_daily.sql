select (occurred_at at time zone 'UTC')::date, event_name, count(*), count(distinct user_id) from events group by 1, 2
-- ClickHouse
select day, event_name, events, users from marts.events_daily
