-- Beside the shop's tables: comments, keys of several columns, the same name twice, names that three languages would read
-- as something else, and nearly every type.

comment on table orders is E'What was bought: {{ nothing() }} {% raw %} {# no "comment" #}\nSecond line, 100 % of it.';
comment on column orders.total is E'In the order''s own currency \\ {{ total }}: # no comment of YAML';
comment on column orders.user_id is 'Who ordered.';

create schema billing;
create table billing.orders (
    tenant  integer,
    "order" integer,
    note    text,
    primary key (tenant, "order")
);
create table billing.lines (
    tenant    integer,
    "order"   integer,
    "Line No" integer,
    "lineTotal" numeric(12, 2) not null,
    primary key (tenant, "order", "Line No"),
    foreign key (tenant, "order") references billing.orders
);
insert into billing.orders values (1, 1, 'a'), (1, 2, null), (2, 1, 'b');
insert into billing.lines values (1, 1, 1, 5), (1, 1, 2, 7.50), (2, 1, 1, 1);

-- A database that the models' own must not be.
create schema staging;
create table staging.stg_orders (id integer primary key);

create schema "Odd `{{ schema }}`";
create table "Odd `{{ schema }}`"."null" ("null" integer primary key, "true" boolean not null);
create table "Odd `{{ schema }}`"."select '{{ x }}' from \ ""t"" -- `" (
    "a b"       integer primary key,
    "from"      integer not null references "Odd `{{ schema }}`"."null",
    "Total"     text,
    "total"     text,
    "TOTAL"     text,
    "{{ x }}"   integer,
    "back`tick" integer,
    "quo""te's" integer,
    "back\"     integer,
    "größe"     integer not null,
    "日本"      integer,
    "2fa"       boolean,
    "order"     integer references "Odd `{{ schema }}`"."null",
    "group"     integer,
    "new
line"       integer
);
alter table "Odd `{{ schema }}`"."select '{{ x }}' from \ ""t"" -- `"
    add foreign key ("from") references "Odd `{{ schema }}`"."null";
create table "Odd `{{ schema }}`"."Größe Ω" (" " integer primary key references "Odd `{{ schema }}`"."null");
create table "Odd `{{ schema }}`"."?" ("?" integer primary key, "!" integer, "2024" text);
create table "Odd `{{ schema }}`"."! " ("?" integer primary key);
comment on column "Odd `{{ schema }}`"."select '{{ x }}' from \ ""t"" -- `"."new
line" is '';
insert into "Odd `{{ schema }}`"."null" values (1, true), (2, false);
insert into "Odd `{{ schema }}`"."select '{{ x }}' from \ ""t"" -- `" ("a b", "from", "größe", "Total", "total", "TOTAL")
    values (1, 1, 1, 'A', 'b', 'C'), (2, 2, 2, 'A', 'b', 'C');

create table "Odd `{{ schema }}`"."Tracked_events" (
    "eventId"    uuid primary key,
    "userId"     integer not null,
    "type"       text not null,
    "it's {{At}}" timestamptz not null,
    ingest_ts    timestamptz
);
insert into "Odd `{{ schema }}`"."Tracked_events"
    select gen_random_uuid(), i % 3, 'seen', now() - interval '1 day' * (i % 5) from generate_series(1, 20) i;

-- Orders whose status says nothing, some without a time, in whole cents, and of which some are void.
create table "Odd `{{ schema }}`"."Purchases" (
    id           integer primary key,
    "createdAt"  timestamptz,
    "customerId" integer,
    price        integer,
    quantity     integer,
    amount       integer,
    state        text,
    "voidedAt"   timestamptz
);
insert into "Odd `{{ schema }}`"."Purchases"
    select i, case when i % 7 > 0 then now() - interval '1 day' * (i % 4) end, nullif(i % 3, 0), i, 2, nullif(i % 5, 0),
           case i % 3 when 0 then 'open' when 1 then 'done' end, case when i % 4 = 0 then now() end
      from generate_series(1, 60) i;
create table "Odd `{{ schema }}`"."Subscription" (
    id              integer primary key,
    "startedAt"     timestamptz,
    "endDate"       date,
    "monthlyAmount" numeric,
    currency        text
);
insert into "Odd `{{ schema }}`"."Subscription"
    select i, now() - interval '20 days' * i, case i % 3 when 0 then now()::date - 10 * i when 1 then 'infinity' end,
           nullif(i, 5), case when i % 2 = 0 then 'EUR' end from generate_series(1, 20) i;
create table "Odd `{{ schema }}`".memberships (
    id integer primary key, started_on date not null, ended_on date, price numeric(10, 2) not null
);
insert into "Odd `{{ schema }}`".memberships
    select i, date '2026-01-31' + i, case when i % 2 = 0 then date '2026-02-28' + i end, i from generate_series(1, 40) i;

-- What looks like one of them in part is none.
create table posts (id serial primary key, user_id bigint not null, name text not null, created_at timestamptz not null);
create table order_history (id serial primary key, user_id bigint, total numeric(10, 2), created_at timestamptz not null);

create type mood as enum ('good', 'bad');
create type pair as (a integer, b text);
create domain cents as bigint;
create table kinds (
    id serial primary key, b boolean, i2 smallint, i4 integer, i8 bigint, o oid, f4 real, f8 double precision,
    n numeric, n10 numeric(10, 2), n50 numeric(50, 10), mo money, t text, v varchar(10), c char(3), ba bytea, u uuid,
    d date, ti time, tz timetz, ts timestamp, tst timestamptz, iv interval, j json, jb jsonb, ne inet, ci cidr,
    ma macaddr, bi bit(3), vb varbit, r4 int4range, rt tstzrange, rn numrange, mr int4multirange, po point,
    pg polygon, ln line, tv tsvector, e mood, ce cents, p pair, ia integer[], ta text[], na numeric(10, 2)[], ea mood[],
    ja jsonb[], tsa timestamptz[],
    bn boolean not null default true, en mood not null default 'good', tsn timestamptz not null default now(),
    uu uuid not null default gen_random_uuid(), dn date not null default now(), tin time not null default '12:00'
);
insert into kinds default values;
