-- Of those who signed up in a week: how many did something so many weeks later. A week that is not over counts so far.
with users as (
    select user_id, toMonday(created_at) as cohort_week
    from {{ ref('stg_users') }}
),

sizes as (
    select cohort_week, count() as cohort_users
    from users
    group by cohort_week
),

user_weeks as (
    select distinct user_id, toMonday(occurred_at) as week
    from {{ ref('stg_events') }}
)

select
    u.cohort_week as cohort_week,
    toInt32(intDiv(dateDiff('day', u.cohort_week, w.week), 7)) as week_number,
    any(s.cohort_users) as cohort_users,
    count() as active_users
from user_weeks as w
inner join users as u on u.user_id = w.user_id
inner join sizes as s on s.cohort_week = u.cohort_week
where w.week >= u.cohort_week
group by cohort_week, week_number
order by cohort_week, week_number
