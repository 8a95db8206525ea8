select (placed_at at time zone 'UTC')::date, currency, count(*), count(distinct user_id),
       count(*) filter (where status = 'cancelled'), coalesce(sum(total) filter (where status <> 'cancelled'), 0.00)
  from orders group by 1, 2
-- ClickHouse
select day, currency, orders, customers, cancelled, total from marts.orders_daily
