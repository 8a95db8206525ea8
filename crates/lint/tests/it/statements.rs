//! Statements whose locks, scans and rewrites a server is asked about, and the tables that they change.

/// Rows in `t`, so that a scan reads something and a rewrite writes something.
pub(crate) const SETUP: &str = "
create table s.r (id int primary key);
create table s.root (id int, note text) partition by range (id);
create table s.root_1 partition of s.root for values from (0) to (10);
create table s.leaf (id int, note text);
create domain s.checked as int check (value > 0);
create domain s.plain as int;
create type s.mood as enum ('sad', 'glad');
create function s.steady() returns int language sql stable as 'select 1';
create function s.moody() returns int language plpgsql as 'begin return 1; end';
create table s.t (
    id int primary key, n int, v varchar(10), vv varchar, x text, num numeric(10,2), big numeric,
    ts timestamp, ts3 timestamp(3), tz timestamptz, c char(5), b bit(3), vb varbit(3), ip cidr,
    ok int not null, j json, arr varchar(5)[], o oid, xm xml, r_id int, gone int);
insert into s.t (id, n, v, num, ts, ok, r_id, gone)
    select n, n, 'v', 1.5, '2026-01-01', 1, null, 1 from generate_series(1, 100) n;
create unique index t_n on s.t (n);
create unique index t_ok on s.t (id, ok);
create table s.u (id int not null, n int); create unique index u_id on s.u (id);
create table s.heaps (id int not null, n int); insert into s.heaps select n, n from generate_series(1, 9) n;
";

/// Those of which the table is `t`.
pub(crate) const OF_T: &[&str] = &[
    "alter table t add column a int",
    "alter table t add column a int default 7",
    "alter table t add column a int not null default 7",
    "alter table t add column a timestamptz default now()",
    "alter table t add column a timestamptz default current_timestamp",
    "alter table t add column a text default 'x' || 'y'",
    "alter table t add column a text default null",
    "alter table t add column a jsonb default '{}'::jsonb not null",
    "alter table t add column a int[] default array[1, 2]",
    "alter table t add column a float8 default random()",
    "alter table t add column a timestamptz default clock_timestamp()",
    "alter table t add column a uuid default gen_random_uuid()",
    "alter table t add column a int default s.steady()",
    "alter table t add column a int default s.moody()",
    "alter table t add column a mood default 'sad'",
    "alter table t add column a plain",
    "alter table t add column a checked",
    "alter table t add column a serial",
    "alter table t add column a bigserial",
    "alter table t add column a int generated always as identity",
    "alter table t add column a int generated always as (n * 2) stored",
    "alter table t add column a int check (a > 0)",
    "alter table t add column a int unique",
    "alter table t add column a int references r",
    "alter table t drop column gone",
    "alter table t drop column gone, add column a int",
    "alter table t rename column gone to went",
    "alter table t rename to tt",
    "alter table t set schema public",
    "alter table t alter column x set default 'y'",
    "alter table t alter column x drop default",
    "alter table t alter column n set not null",
    "alter table t alter column ok set not null",
    "alter table t alter column ok drop not null",
    "alter table t alter column n set statistics 100",
    "alter table t alter column x set storage external",
    "alter table t alter column x set compression pglz",
    "alter table t alter column n set (n_distinct = 5)",
    "alter table t add check (n > 0)",
    "alter table t add constraint k check (n > 0) not valid",
    "alter table t add foreign key (r_id) references r",
    "alter table t add constraint k foreign key (r_id) references r not valid",
    "alter table t add unique (n)",
    "alter table t add constraint k unique using index t_n",
    "alter table t add exclude using btree (id with =)",
    "alter table t drop constraint t_pkey",
    "alter table t replica identity full",
    "alter table t replica identity nothing",
    "alter table t replica identity using index t_ok",
    "alter table t set unlogged",
    "alter table t set (fillfactor = 70)",
    "alter table t set (autovacuum_enabled = off)",
    "alter table t reset (fillfactor)",
    "alter table t cluster on t_n",
    "alter table t enable row level security",
    "alter table t force row level security",
    "alter table t disable trigger user",
    "alter table t owner to current_user",
    "alter table t inherit u",
    "create index on t (x)",
    "create unique index on t (id, x)",
    "drop index t_n",
    "reindex table t",
    "reindex index t_n",
    "cluster t using t_n",
    "drop table t",
    "drop table if exists t, u",
    "truncate t",
    "truncate t, u restart identity cascade",
    "update t set n = n + 1000",
    "update t set x = 'y' where id = 7",
    "update t set x = 'y' where x is null",
    "delete from t",
    "delete from t where id = 7",
    "insert into t (id, ok) values (1000, 1)",
    "create publication p for table t",
    "create trigger k before insert on t for each row execute function suppress_redundant_updates_trigger()",
    "create policy k on t using (true)",
    "create rule k as on insert to t do also notify x",
    "comment on table t is 'x'",
    "lock table t in share mode",
    "analyze t",
    "create table k (id int primary key, t_id int references t)",
    "create table k (like t including all)",
    "create table k () inherits (t)",
    "create view k as select * from t",
    "create table k as select * from t",
    "create statistics k on n, ok from t",
    "grant select on t to public",
    // Types.
    "alter table t alter column v type varchar(20)",
    "alter table t alter column v type varchar(5)",
    "alter table t alter column v type varchar",
    "alter table t alter column v type text",
    "alter table t alter column v type text using v",
    "alter table t alter column v type text using v::text",
    "alter table t alter column v type text using lower(v)",
    "alter table t alter column x type varchar",
    "alter table t alter column x type varchar(50)",
    "alter table t alter column vv type text",
    "alter table t alter column c type char(10)",
    "alter table t alter column c type text",
    "alter table t alter column n type bigint",
    "alter table t alter column n type smallint",
    "alter table t alter column n type text",
    "alter table t alter column n type oid using n::oid",
    "alter table t alter column num type numeric(12,2)",
    "alter table t alter column num type numeric(12,4)",
    "alter table t alter column num type numeric(9,2)",
    "alter table t alter column num type numeric",
    "alter table t alter column num type float8",
    "alter table t alter column big type numeric(20,2)",
    "alter table t alter column ts type timestamptz",
    "alter table t alter column ts type timestamp(6)",
    "alter table t alter column ts3 type timestamp",
    "alter table t alter column ts type timestamp(3)",
    "alter table t alter column tz type timestamp",
    "alter table t alter column b type bit(4) using b::bit(4)",
    "alter table t alter column b type varbit",
    "alter table t alter column vb type varbit(9)",
    "alter table t alter column vb type varbit",
    "alter table t alter column ip type inet",
    "alter table t alter column j type jsonb",
    "alter table t alter column arr type varchar(9)[]",
    "alter table t alter column arr type text[]",
    "alter table t alter column x type text collate \"C\"",
];

/// Other tables, or something before: (before, statement, table).
pub(crate) const OTHERS: &[(&str, &str, &str)] = &[
    ("", "alter table u add primary key (id)", "u"),
    ("insert into s.u values (1, 1)", "alter table u add primary key using index u_id", "u"),
    ("", "alter table heaps add primary key (id)", "heaps"),
    (
        "alter table s.t add constraint k check (n is not null)",
        "alter table t alter n set not null",
        "t",
    ),
    (
        "alter table s.t add constraint k check (n is not null) not valid; alter table s.t validate constraint k",
        "alter table t alter n set not null",
        "t",
    ),
    (
        "alter table s.t add constraint k check (n > 0) not valid",
        "alter table t validate constraint k",
        "t",
    ),
    (
        "alter table s.t add constraint k foreign key (r_id) references s.r not valid",
        "alter table t validate constraint k",
        "t",
    ),
    ("alter table s.t add constraint k check (n > 0)", "alter table t drop constraint k", "t"),
    (
        "alter table s.t add constraint k check (n > 0)",
        "alter table t rename constraint k to kk",
        "t",
    ),
    ("alter table s.t set unlogged", "alter table t set logged", "t"),
    ("", "create table root_2 partition of root for values from (10) to (20)", "root"),
    ("", "alter table root attach partition leaf for values from (20) to (30)", "root"),
    (
        "insert into s.leaf values (20)",
        "alter table root attach partition leaf for values from (20) to (30)",
        "leaf",
    ),
    ("", "alter table root detach partition root_1", "root"),
    ("", "alter table root detach partition root_1", "root_1"),
    (
        "alter table s.t add foreign key (r_id) references s.r",
        "alter table t drop constraint t_r_id_fkey",
        "r",
    ),
    ("alter table s.t add constraint k foreign key (r_id) references s.r", "drop table t", "r"),
    ("create table s.k (id int primary key, r_id int references s.r)", "drop table k", "r"),
    (
        "alter table s.t add constraint k foreign key (r_id) references s.r not valid",
        "alter table t validate constraint k",
        "r",
    ),
    ("", "alter table t add column a int references r", "r"),
    ("", "alter table t add constraint k foreign key (r_id) references r not valid", "r"),
    ("", "create table k (id int primary key, r_id int references r)", "r"),
    ("", "truncate root", "root"),
    ("create publication p for table s.u", "alter publication p add table t", "t"),
    ("create publication p for table s.u, s.t", "alter publication p drop table t", "t"),
    (
        "alter table s.t add a int generated always as (n + 1) stored",
        "alter table t alter a drop expression",
        "t",
    ),
    (
        "alter table s.t add a int generated always as identity",
        "alter table t alter a drop identity",
        "t",
    ),
    (
        "create trigger k before insert on s.t for each row execute function suppress_redundant_updates_trigger()",
        "drop trigger k on t",
        "t",
    ),
    ("create policy k on s.t using (true)", "drop policy k on t", "t"),
    ("create policy k on s.t using (true)", "alter policy k on t using (false)", "t"),
];

/// Postgres 17 and 18 on: (major, before, statement).
pub(crate) const NEWER: &[(u32, &str, &str)] = &[
    (
        17,
        "alter table s.t add a int generated always as (n + 1) stored",
        "alter table t alter a set expression as (n + 2)",
    ),
    (18, "", "alter table t add column a int generated always as (n * 2)"),
    (18, "", "alter table t add column a int generated always as (n * 2) virtual"),
    (18, "", "alter table t add constraint k not null n not valid"),
    (18, "", "alter table t add constraint k not null n"),
    (
        18,
        "alter table s.t add constraint k not null n not valid",
        "alter table t validate constraint k",
    ),
    (
        18,
        "alter table s.t add constraint k not null n not valid; alter table s.t validate constraint k",
        "alter table t alter n set not null",
    ),
];

/// They refuse to run in a transaction; which lock they wait for is seen while the table is locked.
pub(crate) const OUTSIDE: &[&str] = &[
    "create index concurrently on t (x)",
    "drop index concurrently t_n",
    "reindex table concurrently t",
    "vacuum t",
    "vacuum full t",
    "vacuum (full, analyze) t",
];
