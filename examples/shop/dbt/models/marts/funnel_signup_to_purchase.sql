-- By the week of their signup: how many come to each step within 30 days of it, one after the other.
with steps as (
    select user_id, 'signup' as step, toUInt64(toUnixTimestamp64Milli(created_at)) as at
    from {{ ref('stg_users') }}
    union all
    select user_id, toString(event_name) as step, toUInt64(toUnixTimestamp64Milli(occurred_at)) as at
    from {{ ref('stg_events') }}
    where event_name in ('product_view', 'add_to_cart', 'checkout_start', 'purchase')
),

users as (
    select
        user_id,
        toMonday(toDateTime(intDiv(minIf(at, step = 'signup'), 1000), 'UTC')) as signup_week,
        windowFunnel(30 * 86400 * 1000)(
            at, step = 'signup', step = 'product_view', step = 'add_to_cart', step = 'checkout_start', step = 'purchase'
        ) as level
    from steps
    group by user_id
    having countIf(step = 'signup') > 0
)

select
    signup_week,
    count() as signed_up,
    countIf(level >= 2) as viewed,
    countIf(level >= 3) as put_in_cart,
    countIf(level >= 4) as checked_out,
    countIf(level >= 5) as purchased
from users
group by signup_week
order by signup_week
