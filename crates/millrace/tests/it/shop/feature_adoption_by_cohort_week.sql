with u as (select id, date_trunc('week', created_at at time zone 'UTC')::date as cohort from users)
select cohort, feature, count(distinct u.id), count(distinct e.user_id),
       count(distinct e.user_id)::float8 / count(distinct u.id)
  from u cross join unnest(array['product_view', 'add_to_cart', 'checkout_start', 'purchase']) as feature
  left join events e on e.user_id = u.id and e.event_name = feature
 group by 1, 2
-- ClickHouse
select cohort_week, feature, cohort_users, adopters, adoption from marts.feature_adoption_by_cohort_week
