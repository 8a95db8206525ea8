//! Marts of those who were first seen in one week. Of people nothing is known but what they do, so that is where they begin.

use super::marts::{column, mart};
use super::model::Model;
use super::quoting::ident;
use super::recognise::{Part, Recognised};

/// More kinds than that nobody tells apart in a plot, and a kind may be any text.
const KINDS_MOST: u8 = 20;

pub(super) fn retention(of: &Recognised<'_>, time: Part<'_>, who: Part<'_>) -> Model {
    let name = &of.staged.surveyed.name;
    let columns = vec![
        column(
            "cohort_week",
            "Date",
            "The Monday of the week in which they were first seen, in UTC.",
        ),
        column("week_number", "Int32", "Weeks since then."),
        column("cohort_users", "UInt64", "How many were first seen in that week."),
        column("active_users", "UInt64", "How many of them were seen in this one."),
    ];
    let sql = format!(
        "with user_weeks as (\n    select distinct e.{user} as user, toMonday(e.{at}) as week\n    \
         from {{{{ ref('{from}') }}}} as e\n    where e.{user} is not null\n),\n\n\
         cohorts as (\n    select user, min(week) as cohort_week\n    from user_weeks\n    group by user\n),\n\n\
         sizes as (\n    select cohort_week, count() as cohort_users\n    from cohorts\n    group by cohort_week\n)\n\n\
         select\n    c.cohort_week as cohort_week,\n    \
         toInt32(intDiv(dateDiff('day', c.cohort_week, w.week), 7)) as week_number,\n    \
         any(s.cohort_users) as cohort_users,\n    count() as active_users\n\
         from user_weeks as w\ninner join cohorts as c on c.user = w.user\n\
         inner join sizes as s on s.cohort_week = c.cohort_week\n\
         group by cohort_week, week_number\norder by cohort_week, week_number\n",
        user = ident(&who.name),
        at = ident(&time.name),
        from = of.staged.model,
    );
    let about = format!(
        "Of the {} first seen in {name} in a week: how many are seen again so many weeks later. A week that is not over counts so far.",
        who.name
    );
    mart(about, columns, &["cohort_week", "week_number"], sql)
}

pub(super) fn adoption(
    of: &Recognised<'_>,
    time: Part<'_>,
    kind: Part<'_>,
    who: Part<'_>,
) -> Model {
    let name = &of.staged.surveyed.name;
    let columns = vec![
        column(
            "cohort_week",
            "Date",
            "The Monday of the week in which they were first seen, in UTC.",
        ),
        column("feature", "String", &format!("A {} of theirs.", kind.name)),
        column("cohort_users", "UInt64", "How many were first seen in that week."),
        column("adopters", "UInt64", "How many of them have done it at least once since."),
        column("adoption", "Float64", "adopters / cohort_users"),
    ];
    let sql = format!(
        "-- Of the {KINDS_MOST} kinds that most have used.\n\
         with used as (\n    select e.{user} as user, toString(e.{what}) as feature, toMonday(min(e.{at})) as week\n    \
         from {{{{ ref('{from}') }}}} as e\n    where e.{user} is not null\n    group by user, feature\n),\n\n\
         cohorts as (\n    select user, min(week) as cohort_week\n    from used\n    group by user\n),\n\n\
         sizes as (\n    select cohort_week, count() as cohort_users\n    from cohorts\n    group by cohort_week\n),\n\n\
         features as (\n    select feature\n    from used\n    group by feature\n    \
         order by count() desc, feature\n    limit {KINDS_MOST}\n)\n\n\
         select\n    s.cohort_week as cohort_week,\n    f.feature as feature,\n    \
         any(s.cohort_users) as cohort_users,\n    countIf(u.feature = f.feature) as adopters,\n    \
         adopters / cohort_users as adoption\n\
         from sizes as s\ncross join features as f\n\
         left join (\n    select c.cohort_week as cohort_week, used.feature as feature\n    from used\n    \
         inner join cohorts as c on c.user = used.user\n\
         ) as u on u.cohort_week = s.cohort_week and u.feature = f.feature\n\
         group by cohort_week, feature\norder by cohort_week, feature\n",
        user = ident(&who.name),
        what = ident(&kind.name),
        at = ident(&time.name),
        from = of.staged.model,
    );
    let about = format!(
        "Of the {} first seen in {name} in a week: how many have ever used a feature, which is a {} of {name}.",
        who.name, kind.name
    );
    mart(about, columns, &["cohort_week", "feature"], sql)
}
