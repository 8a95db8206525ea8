with r as (select order_id, sum(amount) as amount from refunds group by 1)
select (placed_at at time zone 'UTC')::date, count(*), count(*) filter (where status = 'cancelled'), count(distinct user_id),
       coalesce(sum(total) filter (where status <> 'cancelled'), 0)::numeric(38, 2),
       coalesce(sum(amount) filter (where status <> 'cancelled'), 0)::numeric(38, 2),
       (coalesce(sum(total) filter (where status <> 'cancelled'), 0)
           - coalesce(sum(amount) filter (where status <> 'cancelled'), 0))::numeric(38, 2)
  from orders left join r on r.order_id = orders.id group by 1
-- ClickHouse
select day, orders, cancelled, buyers, revenue, refunds, net_revenue from marts.orders_daily
