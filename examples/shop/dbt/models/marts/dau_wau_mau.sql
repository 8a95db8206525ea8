-- A user of a day counts for that day, for the 7 and for the 30 days that begin with it; for each of them once, from the
-- last day on which she came. So nobody has to be told apart in 30 days at a time.
with users as (
    select user_id, arraySort(groupUniqArray(toDate(occurred_at))) as days
    from {{ ref('stg_events') }}
    group by user_id
),

user_days as (
    select user_id, seen_on, next_on
    from users
    array join days as seen_on, arrayPushBack(arrayPopFront(days), toDate('2149-06-06')) as next_on
)

select
    seen_on + offset as day,
    countIf(user_id, offset = 0) as dau,
    countIf(user_id, offset < 7) as wau,
    count(user_id) as mau
from user_days
array join range(30) as offset
where day < next_on and day <= (select max(seen_on) from user_days)
group by day
order by day
