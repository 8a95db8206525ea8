select
    m.id as refund_id,
    order_id,
    amount,
    toLowCardinality(m.reason) as reason,
    created_at
from {{ source('public', 'refunds') }} as m
