select (created_at at time zone 'UTC')::date, count(*), count(distinct client_id), round(sum(unit_price * quantity), 6)
  from retail.purchase group by 1
-- ClickHouse
select day, orders, customers, toDecimal128(revenue, 6) from marts.purchase_daily
