select user_id || '_' || to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD'), user_id,
       to_char(date_trunc('day', occurred_at at time zone 'UTC'), 'YYYY-MM-DD HH24:MI:SS'),
       count(*) filter (where event_name = 'session_start'), count(*) filter (where event_name = 'session_end')
  from events group by 1, 2, 3
-- ClickHouse
select session_day_user, user_id, session_day, starts, ends from marts.sessions_daily
