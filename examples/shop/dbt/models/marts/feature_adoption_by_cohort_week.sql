-- Of those who signed up in a week: how many have ever used a feature.
{% set features = ['product_view', 'add_to_cart', 'checkout_start', 'purchase'] %}
with users as (
    select user_id, toMonday(created_at) as cohort_week
    from {{ ref('stg_users') }}
),

sizes as (
    select cohort_week, count() as cohort_users
    from users
    group by cohort_week
),

used as (
    select distinct user_id, event_name
    from {{ ref('stg_events') }}
    where event_name in ('{{ features | join("', '") }}')
)

select
    s.cohort_week as cohort_week,
    f.feature as feature,
    any(s.cohort_users) as cohort_users,
    countIf(u.event_name = f.feature) as adopters,
    adopters / cohort_users as adoption
from sizes as s
cross join (select arrayJoin(['{{ features | join("', '") }}']) as feature) as f
left join (
    select users.cohort_week as cohort_week, used.event_name as event_name
    from used
    inner join users on users.user_id = used.user_id
) as u on u.cohort_week = s.cohort_week and u.event_name = f.feature
group by cohort_week, feature
order by cohort_week, feature
