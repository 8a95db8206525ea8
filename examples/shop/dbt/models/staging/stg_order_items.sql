select
    order_id,
    line_no,
    product_id,
    quantity,
    unit_price
from {{ source('public', 'order_items') }} as m
