-- Orders that a time takes back, revenue in two columns, subscriptions with more than one end, and facts of eleven years.

create schema retail;

-- Soft deletes, and no status. The product of the two does not fit the digits of either.
create table retail.sales (
    id           integer primary key,
    customer_id  integer not null,
    sold_at      timestamptz not null,
    price        numeric(6, 2) not null,
    quantity     integer not null,
    cancelled_at timestamptz,
    deleted_at   timestamp
);
insert into retail.sales
    select i, i % 4, now() - interval '1 day' * (i % 6), 9000 + i / 100.0, 10000 + i,
           case when i % 3 = 0 then now() end, case when i % 4 = 0 then now() end from generate_series(1, 60) i;

-- Of a status that says it and times that do as well; one that every order has says nothing of the kind.
create type retail.progress as enum ('open', 'Canceled');
create table retail.web_orders (
    id            integer primary key,
    customer_id   integer not null,
    ordered_at    timestamptz not null,
    price         numeric,
    "unitPrice"   numeric,
    qty           numeric(8, 3),
    status        retail.progress,
    "canceledAt"  timestamptz not null default 'infinity',
    "refundedOn"  date
);
insert into retail.web_orders
    select i, i % 4, now() - interval '1 day' * (i % 6), i, nullif(i, 7) + 0.125, i / 8.0,
           case i % 5 when 0 then 'Canceled' when 1 then null else 'open' end::retail.progress, 'infinity',
           case when i % 3 = 0 then now()::date end
      from generate_series(1, 60) i;

-- A product of two numerics without any digits said.
create table retail.purchase (
    id integer primary key, client_id integer not null, created_at timestamptz not null, quantity numeric, unit_price numeric
);
insert into retail.purchase
    select i, i % 4, now() - interval '1 day' * (i % 6), 1.5 + i, 0.1 * i from generate_series(1, 60) i;

create table retail.gym_memberships (
    id            integer primary key,
    started_at    timestamptz not null,
    trial_ends_at timestamptz not null,
    ends_at       timestamptz not null,
    expires_at    date,
    ended_at      timestamptz,
    cancelled_at  timestamptz,
    monthly_price integer not null
);
-- The trial is over for all of them; who is not cancelled ends as planned.
insert into retail.gym_memberships
    select i, date '2024-01-15' + i, date '2024-02-15' + i, date '2024-11-15' + 3 * i,
           case when i % 4 = 0 then date '2024-10-01' + 3 * i end, case when i % 3 = 0 then date '2024-06-01' + 5 * i end,
           case when i % 5 = 0 then date '2024-08-20' + 2 * i end, 100 * i
      from generate_series(1, 60) i;

-- More months than ClickHouse lets one INSERT write by itself.
create table retail.visit_log (
    id bigint primary key, member_id integer not null, action text not null, seen_at timestamptz not null
);
insert into retail.visit_log
    select i, i % 5, 'came', date_trunc('month', now()) - interval '1 month' * i from generate_series(1, 130) i;
