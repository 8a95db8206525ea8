-- What became of each customer's monthly revenue between the ends of two months, and what was paid back in the month.
with months as (
    select toStartOfMonth(addMonths(assumeNotNull((select min(started_on) from {{ ref('stg_subscriptions') }})), number)) as month
    from numbers(1200)
    where month <= toStartOfMonth({{ "toDate('" ~ var('mrr_until') ~ "')" if var('mrr_until', none) else "toDate(now('UTC'))" }})
),

at_end as (
    select
        s.user_id as user_id,
        m.month as month,
        sumIf(s.mrr, s.started_on < addMonths(m.month, 1)
            and (s.ended_on is null or s.ended_on >= addMonths(m.month, 1))) as mrr
    from {{ ref('stg_subscriptions') }} as s
    cross join months as m
    group by user_id, month
),

moves as (
    select
        month,
        mrr,
        lagInFrame(mrr, 1, toDecimal128(0, 2)) over (
            partition by user_id order by month rows between unbounded preceding and current row
        ) as before,
        mrr - before as moved
    from at_end
),

refunds as (
    select toStartOfMonth(toDate(created_at)) as month, sum(amount) as refunds
    from {{ ref('stg_refunds') }}
    group by month
)

select
    moves.month as month,
    sumIf(moves.moved, moves.before = 0) as new_mrr,
    sumIf(moves.moved, moves.before > 0 and moves.moved > 0) as expansion_mrr,
    sumIf(moves.moved, moves.mrr > 0 and moves.moved < 0) as contraction_mrr,
    sumIf(moves.moved, moves.mrr = 0) as churned_mrr,
    sum(moves.mrr) as mrr,
    any(r.refunds) as refunds
from moves
left join refunds as r on r.month = moves.month
group by month
order by month
