-- 90 days of history that end now, about 2 M events. The same numbers come out on every run,
-- relative to the hour in which it runs: chance is a hash of the row's number.

set synchronous_commit = off;
set maintenance_work_mem = '256MB';

-- A number in [0, 1) that depends on n and the salt alone.
create function pg_temp.u(n bigint, salt bigint) returns float8 language sql immutable parallel safe
as $$ select (hashint8extended(n, salt) & 4294967295)::float8 / 4294967296.0 $$;

insert into users (email, name, country, channel, tags, created_at, updated_at)
select 'user' || i || '@example.com',
       (array['Ada','Grace','Alan','Edsger','Barbara','Donald','Margaret','Ken'])[1 + (pg_temp.u(i, 1) * 8)::int % 8]
           || ' ' || (array['Lovelace','Hopper','Turing','Liskov','Knuth','Hamilton','Ritchie'])[1 + (pg_temp.u(i, 2) * 7)::int % 7],
       (array['DE','US','GB','FR','NL','ES','SE','JP'])[1 + floor(8 * pg_temp.u(i, 3) ^ 1.7)::int],
       (array['organic','ads','referral','newsletter'])[1 + floor(4 * pg_temp.u(i, 4) ^ 1.3)::int],
       case when pg_temp.u(i, 5) < 0.1 then '{beta}'::text[] when pg_temp.u(i, 5) < 0.15 then '{vip,beta}' else '{}' end,
       at, at
  from generate_series(1, 25000) i,
       lateral (select date_trunc('hour', now()) - interval '400 days' * (1 - sqrt(i / 25000.0)) - interval '1 hour') t(at);

insert into products (sku, name, category, price, stock)
select 'SKU-' || lpad(i::text, 4, '0'),
       (array['Oak','Steel','Linen','Clay','Wool','Glass'])[1 + i % 6] || ' '
           || (array['chair','lamp','bowl','rug','shelf','vase','table'])[1 + i % 7] || ' ' || i,
       (array['furniture','light','kitchen','textile'])[1 + i % 4],
       round((4 + 220 * pg_temp.u(i, 6) ^ 3)::numeric, 2),
       (100 + 900 * pg_temp.u(i, 7))::int
  from generate_series(1, 400) i;

-- A visit: who, when, how many pages, and how far down the funnel (0 looks, 1 cart, 2 checkout, 3 buys).
create temp table visits as
select row_number() over () as id, (1 + floor(25000 * pg_temp.u(n, 11) ^ 1.6))::bigint as user_id,
       started_at, (1 + floor(7 * pg_temp.u(n, 12) ^ 1.4))::int as pages,
       case when pg_temp.u(n, 13) < 0.055 then 3 when pg_temp.u(n, 13) < 0.12 then 2
            when pg_temp.u(n, 13) < 0.28 then 1 else 0 end as depth,
       (1 + floor(400 * pg_temp.u(n, 14) ^ 2))::bigint as product_id,
       (array['mobile','desktop','tablet'])[1 + floor(3 * pg_temp.u(n, 15) ^ 1.5)::int] as device
  from (select extract(epoch from hour)::bigint * 1000 + k as n,
               hour + interval '1 hour' * (k - pg_temp.u(k, 16)) / visits_in_hour as started_at
          from (select hour, round(159 * (0.7 + 0.6 * i / 2160.0)
                     -- people sleep, and shop less on weekends
                     * (0.35 + 0.65 * (1 - cos(2 * pi() * (extract(hour from hour) - 3) / 24)))
                     * case when extract(isodow from hour) >= 6 then 0.72 else 1.1 end)::int as visits_in_hour
                  from generate_series(1, 2160) i,
                       lateral (select date_trunc('hour', now()) - interval '1 hour' * (2161 - i)) h(hour)) hours,
               generate_series(1, visits_in_hour) k) starts
 where started_at < now() - interval '15 minutes';

-- Keys that grow with time, as version 7 has them: the index is filled from left to right.
insert into events (event_id, user_id, event_name, occurred_at, properties)
select (lpad(to_hex((extract(epoch from occurred_at) * 1000)::bigint), 12, '0') || '7'
           || substr(md5(id || '.' || k), 1, 19))::uuid,
       user_id, event_name, occurred_at,
       case event_name
           when 'session_start' then jsonb_build_object('device', device, 'referrer',
               (array['search','direct','mail','social'])[1 + floor(4 * pg_temp.u(id, 17))::int])
           when 'page_view' then jsonb_build_object('path', page,
               'ms', floor((40 + 400 * pg_temp.u(id * 16 + k, 18) ^ 4) * case page when '/search' then 2 when '/checkout' then 1.5 else 1 end),
               -- Paying is what 2.4.0 does badly.
               'version', version, 'status', case when pg_temp.u(id * 16 + k, 29)
                       < case when version = '2.4.0' and page = '/checkout' then 0.06 else 0.008 end
                   then 500 else 200 end)
           when 'purchase' then jsonb_build_object('product_id', product_id, 'device', device, 'coupon', pg_temp.u(id, 19) < 0.2)
           when 'session_end' then jsonb_build_object('seconds', k * 20)
           else jsonb_build_object('product_id', product_id)
       end
  from (select v.*, k,
               -- The new version went out a week ago, to a part of the visitors at first.
               case when started_at > now() - interval '7 days' + interval '2 days' * pg_temp.u(v.id, 34)
                    then '2.4.0' else '2.3.1' end as version,
               case when k = 1 then 'session_start'
                    when k <= 1 + pages then case when k % 2 = 0 then 'page_view' else 'product_view' end
                    when k = 2 + pages + depth then 'session_end'
                    when k = 2 + pages then 'add_to_cart'
                    when k = 3 + pages then 'checkout_start'
                    else 'purchase' end as event_name,
               (array['/c/0','/c/1','/c/2','/c/3','/search','/account','/cart','/checkout'])
                   [1 + floor(8 * pg_temp.u(id * 16 + k, 38) ^ 1.3)::int] as page,
               started_at + interval '20 seconds' * (k - 1 + pg_temp.u(id * 16 + k, 20)) as occurred_at
          from visits v, generate_series(1, 2 + pages + depth) k) steps;

-- What was bought on those visits.
create temp table carts as
select v.id as visit, row_number() over (order by v.id) as order_id, v.user_id,
       v.started_at + interval '20 seconds' * (v.pages + 4) as placed_at
  from visits v where depth = 3;

create temp table lines as
select c.order_id, k as line_no, p.id as product_id, (1 + floor(3 * pg_temp.u(visit * 8 + k, 21) ^ 2))::int as quantity,
       p.price as unit_price
  from carts c cross join generate_series(1, 1 + floor(4 * pg_temp.u(visit, 22) ^ 1.5)::int) k
  join products p on p.id = (1 + floor(400 * pg_temp.u(visit * 8 + k, 23) ^ 2))::bigint;

insert into orders (id, user_id, status, total, placed_at, updated_at)
select c.order_id, c.user_id,
       case when pg_temp.u(visit, 24) < 0.04 then 'cancelled'
            when placed_at > now() - interval '6 hours' then 'pending'
            when placed_at > now() - interval '2 days' then 'paid'
            when placed_at > now() - interval '5 days' then 'shipped'
            else 'delivered' end::order_status,
       t.total, placed_at, least(now(), placed_at + interval '4 days' * pg_temp.u(visit, 25))
  from carts c join (select order_id, sum(quantity * unit_price) total from lines group by 1) t using (order_id)
 order by 1;

insert into order_items select order_id, line_no, product_id, quantity, unit_price from lines order by 1, 2;

insert into refunds (order_id, amount, reason, created_at)
select id, round(total * (0.2 + 0.8 * pg_temp.u(id, 26))::numeric, 2),
       (array['damaged','late','wrong item','changed mind'])[1 + floor(4 * pg_temp.u(id, 27))::int],
       updated_at
  from orders where status = 'delivered' and pg_temp.u(id, 28) < 0.03;

insert into subscriptions (user_id, plan, status, mrr, started_on, cancelled_at)
select id, plan, case when gone then 'cancelled' else 'active' end,
       case plan when 'basic' then 9 when 'plus' then 19 else 49 end, created_at::date,
       case when gone then least(now(), created_at + interval '120 days' * (0.2 + pg_temp.u(id, 31))) end
  from users, lateral (select (array['basic','plus','team'])[1 + floor(3 * pg_temp.u(id, 29) ^ 2)::int],
                              pg_temp.u(id, 30) < 0.3) s(plan, gone)
 where pg_temp.u(id, 32) < 0.12;

-- A change of plan ends one subscription and begins another.
with switched as (
    update subscriptions
       set status = 'switched', cancelled_at = started_on + interval '1 day' * floor(20 + 200 * pg_temp.u(id, 35))
     where status = 'active' and pg_temp.u(id, 36) < 0.25
       and started_on + interval '1 day' * floor(20 + 200 * pg_temp.u(id, 35)) < now()
    returning id, user_id, plan, cancelled_at
)
insert into subscriptions (user_id, plan, status, mrr, started_on)
select user_id, to_plan, 'active', case to_plan when 'basic' then 9 when 'plus' then 19 else 49 end, cancelled_at::date
  from switched, lateral (select case plan when 'basic' then 'plus' when 'team' then 'plus'
                                      else (array['basic','team'])[1 + (pg_temp.u(id, 37) < 0.6)::int] end) p(to_plan);

select setval(pg_get_serial_sequence('orders', 'id'), (select max(id) from orders));

drop table lines, carts, visits;
reset synchronous_commit;
reset maintenance_work_mem;
analyze;
