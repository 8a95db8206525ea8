with e as not materialized (select user_id, event_name, date_trunc('milliseconds', occurred_at) as at from events),
     u as (select id, date_trunc('milliseconds', created_at) as at, created_at from users),
     v as (select u.*, (select min(at) from e where user_id = u.id and event_name = 'product_view'
                          and e.at >= u.at and e.at <= u.at + interval '30 days') as viewed from u),
     c as (select v.*, (select min(at) from e where user_id = v.id and event_name = 'add_to_cart'
                          and e.at >= v.viewed and e.at <= v.at + interval '30 days') as put from v),
     o as (select c.*, (select min(at) from e where user_id = c.id and event_name = 'checkout_start'
                          and e.at >= c.put and e.at <= c.at + interval '30 days') as checked from c),
     p as (select o.*, (select min(at) from e where user_id = o.id and event_name = 'purchase'
                          and e.at >= o.checked and e.at <= o.at + interval '30 days') as bought from o)
select date_trunc('week', created_at at time zone 'UTC')::date, count(*), count(viewed), count(put), count(checked), count(bought)
  from p group by 1
-- ClickHouse
select signup_week, signed_up, viewed, put_in_cart, checked_out, purchased from marts.funnel_signup_to_purchase
