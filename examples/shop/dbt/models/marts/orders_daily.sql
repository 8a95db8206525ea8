with refunded as (
    select order_id, sum(amount) as refunded
    from {{ ref('stg_refunds') }}
    group by order_id
)

select
    toDate(o.placed_at) as day,
    count() as orders,
    countIf(o.status = 'cancelled') as cancelled,
    uniqExact(o.user_id) as buyers,
    sumIf(o.total, o.status != 'cancelled') as revenue,
    sumIf(r.refunded, o.status != 'cancelled') as refunds,
    revenue - refunds as net_revenue
from {{ ref('stg_orders') }} as o
left join refunded as r on r.order_id = o.order_id
group by day
order by day
