with weeks as (select distinct user_id, date_trunc('week', occurred_at at time zone 'UTC')::date as week from events),
     cohorts as (select user_id, min(week) as cohort from weeks group by 1)
select cohort, (week - cohort) / 7, (select count(*) from cohorts c where c.cohort = cohorts.cohort), count(*)
  from weeks join cohorts using (user_id) group by 1, 2
-- ClickHouse
select cohort_week, week_number, cohort_users, active_users from marts.events_retention_weekly
