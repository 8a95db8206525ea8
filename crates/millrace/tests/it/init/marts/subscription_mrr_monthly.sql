with spans as (
    select ("startedAt" at time zone 'UTC')::date as begun, "endDate" as ended, "monthlyAmount" as mrr, currency
      from "Odd `{{ schema }}`"."Subscription"),
     months as (
    select generate_series(date_trunc('month', min(begun)), date_trunc('month', now() at time zone 'UTC'), '1 month')::date as month
      from spans)
select month, coalesce(currency, 'none'), count(*) filter (where date_trunc('month', begun) = month),
       count(*) filter (where isfinite(ended) and date_trunc('month', ended) = month),
       count(*) filter (where begun < month + interval '1 month' and coalesce(ended >= month + interval '1 month', true)),
       coalesce(sum(mrr) filter (where begun < month + interval '1 month' and coalesce(ended >= month + interval '1 month', true)), -1)::int
  from months, spans group by 1, currency
-- ClickHouse
select month, ifNull(currency, 'none'), started, ended, active, ifNull(toInt32(mrr), -1) from marts.subscription_mrr_monthly
