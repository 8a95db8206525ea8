select (sold_at at time zone 'UTC')::date, count(*), count(distinct customer_id),
       count(*) filter (where cancelled_at is not null or deleted_at is not null),
       coalesce(sum(price * quantity) filter (where cancelled_at is null and deleted_at is null), 0.00)
  from retail.sales group by 1
-- ClickHouse
select day, orders, customers, cancelled, revenue from marts.sales_daily
