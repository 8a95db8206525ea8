-- A user of a day counts for that day, for the 7 and for the 30 days that begin with it.
with user_days as (
    select distinct user_id, toDate(occurred_at) as seen_on
    from {{ ref('stg_events') }}
)

select
    seen_on + offset as day,
    uniqExactIf(user_id, offset = 0) as dau,
    uniqExactIf(user_id, offset < 7) as wau,
    uniqExact(user_id) as mau
from user_days
array join range(30) as offset
where day <= (select max(seen_on) from user_days)
group by day
order by day
