-- A shop of another kind: facts of eleven years.

create schema retail;

-- More months than ClickHouse lets one INSERT write by itself.
create table retail.visit_log (
    id bigint primary key, member_id integer not null, action text not null, seen_at timestamptz not null
);
insert into retail.visit_log
    select i, i % 5, 'came', date_trunc('month', now()) - interval '1 month' * i from generate_series(1, 130) i;
