with cohorts as (select user_id, date_trunc('week', min(occurred_at) at time zone 'UTC')::date as cohort from events group by 1),
     used as (select distinct user_id, event_name from events),
     sizes as (select cohort, count(*) as people from cohorts group by 1)
select s.cohort, k.event_name, s.people, (select count(*) from used join cohorts using (user_id)
                                           where cohort = s.cohort and event_name = k.event_name)
  from sizes s cross join (select distinct event_name from events) k
-- ClickHouse
select cohort_week, feature, cohort_users, adopters from marts.events_adoption_weekly
