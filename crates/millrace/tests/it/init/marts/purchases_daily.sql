select ("createdAt" at time zone 'UTC')::date, coalesce(state, 'none'), count(*), count(distinct "customerId"),
       count("voidedAt"), coalesce(sum(amount) filter (where "voidedAt" is null), -1)
  from "Odd `{{ schema }}`"."Purchases" where "createdAt" is not null group by 1, state
-- ClickHouse
select day, ifNull(state, 'none'), orders, customers, cancelled, ifNull(amount, -1) from marts.purchases_daily
