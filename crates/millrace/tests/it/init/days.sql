-- Orders of a day, in hundredths, of which nothing says that they were cancelled; subscriptions of which nobody knows what
-- they bring; and no events.

create table sales (
    id integer primary key, customer_id integer not null, order_date date not null, total_cents bigint not null
);
insert into sales select i, i % 4, now()::date - i % 9, 100 * i from generate_series(1, 60) i;

create table memberships (
    id integer primary key, started_on date not null, ended_on date, currency text
);
insert into memberships
    select i, now()::date - 10 * i, case when i % 2 = 0 then now()::date - 9 * i end, case when i % 3 > 0 then 'it''s EUR' end
      from generate_series(1, 40) i;
