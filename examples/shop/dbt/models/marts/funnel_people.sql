-- One row per customer: when they came to each step, each not before the one above it, within 30 days of their signup.
with events as (
    select
        user_id,
        groupArrayIf(occurred_at, event_name = 'product_view') as views,
        groupArrayIf(occurred_at, event_name = 'add_to_cart') as carts,
        groupArrayIf(occurred_at, event_name = 'checkout_start') as checkouts,
        groupArrayIf(occurred_at, event_name = 'purchase') as purchases
    from {{ ref('stg_events') }}
    where event_name in ('product_view', 'add_to_cart', 'checkout_start', 'purchase')
    group by user_id
),

-- The first after the step before it; none: the end of time, after which nothing comes.
steps as (
    select
        u.user_id as user_id,
        u.country as country,
        u.created_at as signed_up,
        signed_up + interval 30 day as until,
        toDateTime64('2200-01-01 00:00:00', 3, 'UTC') as never,
        arrayMin(arrayPushBack(arrayFilter(at -> at >= signed_up and at <= until, e.views), never)) as viewed,
        arrayMin(arrayPushBack(arrayFilter(at -> at >= viewed and at <= until, e.carts), never)) as in_cart,
        arrayMin(arrayPushBack(arrayFilter(at -> at >= in_cart and at <= until, e.checkouts), never)) as checked_out,
        arrayMin(arrayPushBack(arrayFilter(at -> at >= checked_out and at <= until, e.purchases), never)) as purchased
    from {{ ref('stg_users') }} as u
    left join events as e on e.user_id = u.user_id
)

select
    user_id,
    country,
    toDateTime64(signed_up, 3, 'UTC') as signed_up_at,
    nullIf(viewed, never) as viewed_at,
    nullIf(in_cart, never) as put_in_cart_at,
    nullIf(checked_out, never) as checked_out_at,
    nullIf(purchased, never) as purchased_at
from steps
order by signed_up_at
