with spans as (
    select (started_at at time zone 'UTC')::date as begun, monthly_price as mrr,
           case when ended_at is null and cancelled_at is null
                then least((ends_at at time zone 'UTC')::date, expires_at)
                else (least(ended_at, cancelled_at) at time zone 'UTC')::date end as ended
      from retail.gym_memberships),
     months as (
    select generate_series(date_trunc('month', min(begun)), date_trunc('month', now() at time zone 'UTC'), '1 month')::date as month
      from spans)
select month, count(*) filter (where date_trunc('month', begun) = month),
       count(*) filter (where date_trunc('month', ended) = month),
       count(*) filter (where begun < month + interval '1 month' and ended >= month + interval '1 month'),
       coalesce(sum(mrr) filter (where begun < month + interval '1 month' and ended >= month + interval '1 month'), 0)
  from months, spans group by 1
-- ClickHouse
select month, started, ended, active, mrr from marts.gym_memberships_mrr_monthly
