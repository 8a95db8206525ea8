select
    m.id as product_id,
    sku,
    name,
    toLowCardinality(m.category) as category,
    price,
    active
from {{ source('public', 'products') }} as m
