select ("it's {{At}}" at time zone 'UTC')::date, type, count(*), count(distinct "userId")
  from "Odd `{{ schema }}`"."Tracked_events" group by 1, 2
-- ClickHouse
select day, type, events, users from marts.tracked_events_daily
