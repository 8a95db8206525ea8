select
    toString(m.id) as user_id,
    email,
    name,
    toLowCardinality(m.country) as country,
    toLowCardinality(m.channel) as channel,
    created_at
from {{ source('public', 'users') }} as m
