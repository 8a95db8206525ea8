-- A moment of the shop's life, some twenty changes. `call shop_traffic()` twenty times a second makes
-- a lively shop. Each commit is one transaction of the app's.

create or replace function shop_pick(highest bigint) returns bigint language sql volatile
as $$ select 1 + floor(random() ^ 2 * highest)::bigint $$;

create or replace function shop_event(who bigint, what text, properties jsonb) returns void
language sql volatile as $$
    insert into events values (
        (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(random()::text || clock_timestamp()), 1, 19))::uuid,
        who, what, clock_timestamp(), properties)
$$;

create or replace procedure shop_traffic() language plpgsql as $$
declare
    people  bigint := (select max(id) from users);
    things  bigint := (select max(id) from products);
    who     bigint;
    what    bigint;
    number  bigint;
    sum_    numeric;
    name    text;
    page    text;
    failed  boolean;
begin
    -- Visitors: one event, one transaction.
    for i in 1 .. 5 + floor(random() * 6)::int loop
        who := shop_pick(people);
        name := (array['session_start','page_view','page_view','product_view','product_view','add_to_cart','session_end'])
            [1 + floor(random() * 7)::int];
        page := (array['/c/0','/c/1','/c/2','/c/3','/search','/account','/cart','/checkout'])[1 + floor(random() ^ 1.3 * 8)::int];
        -- Paying is what 2.4.0 does badly.
        failed := random() < case page when '/checkout' then 0.06 else 0.008 end;
        perform shop_event(who, name, case name
            when 'page_view' then jsonb_build_object('path', page,
                'ms', floor((40 + 400 * random() ^ 4) * case page when '/search' then 2 when '/checkout' then 1.5 else 1 end),
                'version', '2.4.0', 'status', case when failed then 500 else 200 end)
            else jsonb_build_object('product_id', shop_pick(things),
                'device', (array['mobile','desktop','tablet'])[1 + floor(random() ^ 1.5 * 3)::int]) end);
        commit;
    end loop;

    -- Somebody buys: order, lines, stock and events in one transaction.
    if random() < 0.5 then
        who := shop_pick(people);
        sum_ := 0;
        insert into orders (user_id, total) values (who, 0) returning id into number;
        for i in 1 .. 1 + floor(random() * 4)::int loop
            what := shop_pick(things);
            insert into order_items
                select number, i, id, 1 + (random() * 2)::int, price from products where id = what;
            update products set stock = case when stock < 10 then 500 else stock - 1 end where id = what;
        end loop;
        select sum(quantity * unit_price) into sum_ from order_items where order_id = number;
        update orders set total = sum_ where id = number;
        perform shop_event(who, 'checkout_start', jsonb_build_object('order_id', number));
        perform shop_event(who, 'purchase', jsonb_build_object('order_id', number, 'amount', sum_));
        commit;
    end if;

    -- Orders move on.
    update orders set updated_at = clock_timestamp(),
           status = case status when 'pending' then 'paid' when 'paid' then 'shipped' else 'delivered' end::order_status
     where id in (select id from orders where status in ('pending', 'paid', 'shipped')
                   order by updated_at limit 2 for update skip locked);
    commit;

    -- Somebody changes their mind.
    if random() < 0.1 then
        update orders set status = 'cancelled', updated_at = clock_timestamp()
         where id = (select id from orders where status = 'pending' order by id desc limit 1);
        commit;
    end if;
    if random() < 0.05 then
        insert into refunds (order_id, amount, reason)
            select id, total, 'changed mind' from orders where id = shop_pick((select max(id) from orders));
        commit;
    end if;

    -- The shop forgets cancelled orders after a while: their lines and refunds go with them.
    if random() < 0.1 then
        delete from orders where id = (select id from orders where status = 'cancelled' order by id limit 1);
        commit;
    end if;

    -- New customers, and those who edit their profile.
    if random() < 0.15 then
        insert into users (email, name, country, channel)
            values ('user' || gen_random_uuid() || '@example.com', 'New Customer',
                    (array['DE','US','GB','FR','NL','ES','SE','JP'])[1 + floor(8 * random() ^ 1.7)::int],
                    (array['organic','ads','referral','newsletter'])[1 + floor(4 * random() ^ 1.3)::int]);
        commit;
    end if;
    update users set updated_at = clock_timestamp(), tags = array_append(tags[1:3], 'seen')
     where id = shop_pick(people);
    commit;
    -- One subscription in twenty seconds ends, and a few more begin.
    if random() < 0.0025 then
        update subscriptions set status = 'cancelled', cancelled_at = clock_timestamp()
         where id = (select id from subscriptions where status = 'active'
                      order by started_on limit 1);
        commit;
    end if;
    if random() < 0.003 then
        insert into subscriptions (user_id, plan, status, mrr, started_on)
            select shop_pick(people), p.plan, 'active', p.mrr, current_date
              from (values ('basic', 9), ('plus', 19), ('team', 49)) p(plan, mrr) order by random() limit 1;
        commit;
    end if;
end
$$;
