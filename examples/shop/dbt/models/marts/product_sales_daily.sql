-- What was sold of each product, by the day on which its order was placed. What is cancelled was not sold.
select
    toDate(o.placed_at) as day,
    i.product_id as product_id,
    any(p.name) as product,
    any(p.category) as category,
    uniqExact(i.order_id) as orders,
    sum(i.quantity) as units,
    sum(i.quantity * i.unit_price) as revenue
from {{ ref('stg_order_items') }} as i
inner join {{ ref('stg_orders') }} as o on o.order_id = i.order_id
inner join {{ ref('stg_products') }} as p on p.product_id = i.product_id
where o.status != 'cancelled'
group by day, product_id
order by day, product_id
