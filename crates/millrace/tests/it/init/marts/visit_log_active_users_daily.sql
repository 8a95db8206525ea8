with user_days as (select distinct member_id, (seen_at at time zone 'UTC')::date as seen_on from retail.visit_log),
     days as (select distinct seen_on + n as day from user_days, generate_series(0, 29) n
               where seen_on + n <= (select max(seen_on) from user_days))
select day, (select count(distinct member_id) from user_days where seen_on = day),
       (select count(distinct member_id) from user_days where seen_on > day - 7 and seen_on <= day),
       (select count(distinct member_id) from user_days where seen_on > day - 30 and seen_on <= day)
  from days
-- ClickHouse
select day, dau, wau, mau from marts.visit_log_active_users_daily
