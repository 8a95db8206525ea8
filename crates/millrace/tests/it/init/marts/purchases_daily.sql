select ("createdAt" at time zone 'UTC')::date, coalesce(state, 'none'), count(*), count(distinct "customerId"), sum(amount)
  from "Odd `{{ schema }}`"."Purchases" where "createdAt" is not null group by 1, state
-- ClickHouse
select day, ifNull(state, 'none'), orders, customers, amount from marts.purchases_daily
