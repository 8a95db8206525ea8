with months as (
    select generate_series(date_trunc('month', min(started_on)), date_trunc('month', now() at time zone 'UTC'), '1 month')::date as month
      from "Odd `{{ schema }}`".memberships)
select month, count(*) filter (where date_trunc('month', started_on) = month),
       count(*) filter (where date_trunc('month', ended_on) = month),
       count(*) filter (where started_on < month + interval '1 month' and coalesce(ended_on >= month + interval '1 month', true))
  from months, "Odd `{{ schema }}`".memberships group by 1
-- ClickHouse
select month, started, ended, active from marts.subscriptions_monthly
