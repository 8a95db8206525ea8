with taken as (
    select (ordered_at at time zone 'UTC')::date as day, customer_id, "unitPrice" * qty as paid,
           coalesce(status = 'Canceled', false) or "refundedOn" is not null as is_gone
      from retail.web_orders)
select day, count(*), count(distinct customer_id), count(*) filter (where is_gone),
       coalesce(round(sum(paid) filter (where not is_gone), 6), -1.000000)
  from taken group by 1
-- ClickHouse
select day, orders, customers, cancelled, ifNull(toDecimal128(revenue, 6), toDecimal128(-1, 6)) from marts.web_orders_daily
