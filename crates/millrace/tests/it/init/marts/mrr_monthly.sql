with months as (
    select generate_series(date_trunc('month', min(started_on)), date_trunc('month', now() at time zone 'UTC'), '1 month')::date as month
      from subscriptions),
     spans as (select started_on as begun, (cancelled_at at time zone 'UTC')::date as ended, mrr from subscriptions)
select month, count(*) filter (where date_trunc('month', begun) = month),
       count(*) filter (where date_trunc('month', ended) = month),
       count(*) filter (where begun < month + interval '1 month' and coalesce(ended >= month + interval '1 month', true)),
       coalesce(sum(mrr) filter (where begun < month + interval '1 month' and coalesce(ended >= month + interval '1 month', true)), 0.00)
  from months, spans group by 1
-- ClickHouse
select month, started, ended, active, mrr from marts.subscriptions_mrr_monthly
