with months as (select generate_series(date_trunc('month', min(started_on)), date_trunc('month', now() at time zone 'UTC'),
                                       interval '1 month')::date as month from subscriptions),
     at_end as (select user_id, month, coalesce(sum(mrr) filter (where started_on < month + interval '1 month'
                    and (cancelled_at is null or (cancelled_at at time zone 'UTC')::date >= month + interval '1 month')), 0) as mrr
                  from subscriptions cross join months group by 1, 2),
     moves as (select *, coalesce(lag(mrr) over (partition by user_id order by month), 0) as before from at_end)
select month, coalesce(sum(mrr - before) filter (where before = 0), 0)::numeric(38, 2),
       coalesce(sum(mrr - before) filter (where before > 0 and mrr > before), 0)::numeric(38, 2),
       coalesce(sum(mrr - before) filter (where mrr > 0 and mrr < before), 0)::numeric(38, 2),
       coalesce(sum(mrr - before) filter (where mrr = 0), 0)::numeric(38, 2), sum(mrr)::numeric(38, 2),
       coalesce((select sum(amount) from refunds where date_trunc('month', created_at at time zone 'UTC') = month), 0)::numeric(38, 2)
  from moves group by 1
-- ClickHouse
select month, new_mrr, expansion_mrr, contraction_mrr, churned_mrr, mrr, refunds from marts.mrr_movements
