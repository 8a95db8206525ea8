-- Of those who were first seen in a week: how many are seen again so many weeks later.
with user_weeks as (
    select distinct user_id, toMonday(occurred_at) as week
    from {{ ref('stg_events') }}
),

cohorts as (
    select user_id, min(week) as cohort_week
    from user_weeks
    group by user_id
),

sizes as (
    select cohort_week, count() as cohort_users
    from cohorts
    group by cohort_week
)

select
    c.cohort_week as cohort_week,
    toInt32(intDiv(dateDiff('day', c.cohort_week, w.week), 7)) as week_number,
    any(s.cohort_users) as cohort_users,
    count() as active_users,
    count() / any(s.cohort_users) as retention
from user_weeks as w
inner join cohorts as c on c.user_id = w.user_id
inner join sizes as s on s.cohort_week = c.cohort_week
group by cohort_week, week_number
order by cohort_week, week_number
