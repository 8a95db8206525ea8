select
    m.id as order_id,
    toString(m.user_id) as user_id,
    status,
    currency,
    total,
    placed_at
from {{ source('public', 'orders') }} as m
