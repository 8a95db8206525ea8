select (seen_at at time zone 'UTC')::date, action, count(*), count(distinct member_id) from retail.visit_log group by 1, 2
-- ClickHouse
select day, action, events, users from marts.visit_log_daily
