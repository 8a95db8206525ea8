select
    toDate(occurred_at) as day,
    assumeNotNull(version) as app_version,
    count() as requests,
    countIf(status >= 500) as errors,
    errors / requests as error_rate
from {{ ref('stg_events') }}
where event_name = 'page_view' and version is not null
group by day, app_version
order by day, app_version
