select
    m.id as subscription_id,
    toString(m.user_id) as user_id,
    toLowCardinality(m.plan) as plan,
    toLowCardinality(m.status) as status,
    mrr,
    toDate(m.started_on) as started_on,
    toDate(m.cancelled_at) as ended_on
from {{ source('public', 'subscriptions') }} as m
