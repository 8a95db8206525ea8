//! Answers to first questions, for the tables that are recognised. Each begins with why it is there.

use super::cohorts;
use super::ends::Ends;
use super::model::{Column, Model, Test};
use super::names::Names;
use super::quoting::{comment, ident};
use super::recognise::{Part, Recognised, Shape};
use super::revenue::{Revenue, Status, sum_of};

/// A mart, and the table that it is of.
pub(in crate::cli::init) struct Mart<'a> {
    pub(in crate::cli::init) model: Model,
    pub(in crate::cli::init) of: &'a Recognised<'a>,
    /// What it answers, as it is called where one table alone answers that.
    pub(in crate::cli::init) asked: &'static str,
}

/// `names`: of the models that are there already.
pub(super) fn marts<'a>(found: &'a [Recognised<'a>], mut names: Names) -> Vec<Mart<'a>> {
    let drafts: Vec<(&Recognised<'_>, Name, Model)> = found.iter().flat_map(drafts).collect();
    let name = |(of, name, _): &(&'a Recognised<'a>, Name, Model)| {
        let stem = of.staged.stem();
        match name {
            Name::OfTable(words) => format!("{stem}_{words}"),
            Name::Alone(words) => {
                let is_like = |other: &&(_, Name, Model)| other.1 == *name;
                match drafts.iter().filter(is_like).count() {
                    1 => (*words).to_owned(),
                    _ => format!("{stem}_{words}"),
                }
            }
        }
    };
    let wanted: Vec<String> = drafts.iter().map(name).collect();
    let named = drafts.into_iter().zip(wanted);
    let mart = |((of, name, model), wanted): ((&'a Recognised<'a>, Name, Model), String)| {
        let sql = format!("{}{}", why(of), model.sql);
        let (Name::OfTable(asked) | Name::Alone(asked)) = name;
        Mart { model: Model { name: names.take(&wanted), sql, ..model }, of, asked }
    };
    named.map(mart).collect()
}

#[derive(PartialEq)]
enum Name {
    /// `orders_daily`
    OfTable(&'static str),
    /// A question that only one table answers needs no name of a table.
    Alone(&'static str),
}

fn drafts<'a>(of: &'a Recognised<'a>) -> Vec<(&'a Recognised<'a>, Name, Model)> {
    match &of.shape {
        Shape::Events { time, kind, who } => vec![
            (of, Name::OfTable("daily"), events_daily(of, time, kind, who)),
            (of, Name::Alone("active_users_daily"), active_users(of, time, who)),
            (of, Name::Alone("retention_weekly"), cohorts::retention(of, time, who)),
            (of, Name::Alone("adoption_weekly"), cohorts::adoption(of, time, kind, who)),
        ],
        Shape::Orders { revenue, time, who, currency } => {
            let model = orders_daily(of, revenue, time, who, *currency);
            vec![(of, Name::OfTable("daily"), model)]
        }
        Shape::Subscriptions { begun, ends, monthly, currency } => {
            let words = if monthly.is_some() { "mrr_monthly" } else { "subscriptions_monthly" };
            let model = subscriptions_monthly(of, begun, ends, *monthly, *currency);
            vec![(of, Name::Alone(words), model)]
        }
    }
}

fn why(of: &Recognised<'_>) -> String {
    let what = match of.shape {
        Shape::Events { .. } => "events",
        Shape::Orders { .. } => "orders",
        Shape::Subscriptions { .. } => "subscriptions",
    };
    let name = comment(&of.staged.surveyed.name.to_string());
    let mut text = format!("-- `millrace init` took {name} for {what}:\n");
    of.evidence.iter().for_each(|line| text += &format!("--   {}\n", comment(line)));
    text
}

fn events_daily(of: &Recognised<'_>, time: Part<'_>, kind: Part<'_>, who: Part<'_>) -> Model {
    let name = &of.staged.surveyed.name;
    let (at, what, user) = (ident(&time.name), ident(&kind.name), ident(&who.name));
    let columns = vec![
        column("day", "Date", "The day, in UTC."),
        column(&kind.name, kind.clickhouse, "What was done."),
        column("events", "UInt64", "How often."),
        column("users", "UInt64", &format!("By how many different {}.", who.name)),
    ];
    let sql = format!(
        "select\n    toDate(e.{at}) as day,\n    e.{what} as {what},\n    count() as events,\n    \
         uniqExact(e.{user}) as users\nfrom {{{{ ref('{from}') }}}} as e\ngroup by day, {what}\norder by day, {what}\n",
        from = of.staged.model,
    );
    mart(format!("{name} by day and kind."), columns, &["day", &kind.name], sql)
}

fn active_users(of: &Recognised<'_>, time: Part<'_>, who: Part<'_>) -> Model {
    let name = &of.staged.surveyed.name;
    let columns = vec![
        column("day", "Date", "The day, in UTC."),
        column("dau", "UInt64", "Of that day."),
        column("wau", "UInt64", "Of the 7 days that end with it."),
        column("mau", "UInt64", "Of the 30 days that end with it."),
    ];
    let sql = format!(
        "-- A user of a day counts for that day, for the 7 and for the 30 days that begin with it.\n\
         with user_days as (\n    select distinct e.{user} as user, toDate(e.{at}) as seen_on\n    \
         from {{{{ ref('{from}') }}}} as e\n    where e.{user} is not null\n)\n\n\
         select\n    seen_on + offset as day,\n    uniqExactIf(user, offset = 0) as dau,\n    \
         uniqExactIf(user, offset < 7) as wau,\n    uniqExact(user) as mau\nfrom user_days\n\
         array join range(30) as offset\nwhere day <= (select max(seen_on) from user_days)\n\
         group by day\norder by day\n",
        user = ident(&who.name),
        at = ident(&time.name),
        from = of.staged.model,
    );
    let about = format!(
        "Different {} in {name} on a day, and in the 7 and 30 days that end with it.",
        who.name
    );
    mart(about, columns, &["day"], sql)
}

fn orders_daily(
    of: &Recognised<'_>,
    revenue: &Revenue<'_>,
    time: Part<'_>,
    who: Part<'_>,
    currency: Option<Part<'_>>,
) -> Model {
    let name = &of.staged.surveyed.name;
    let (paid, brought, at) = (revenue.sql(), ident(revenue.name()), ident(&time.name));
    let by: Vec<Part<'_>> = match &revenue.status {
        Status::Any(status) => currency.into_iter().chain([*status]).collect(),
        Status::None | Status::Cancels(..) => currency.into_iter().collect(),
    };
    let mut columns = vec![column("day", "Date", &format!("The day of {}, in UTC.", time.name))];
    columns.extend(by.iter().map(|part| like(part)));
    columns.push(column("orders", "UInt64", "How many."));
    columns.push(column("customers", "UInt64", &format!("Different {}.", who.name)));
    let mut select =
        format!("    count() as orders,\n    uniqExact(o.{}) as customers,\n", ident(&who.name));
    let told = revenue.told();
    let what = match revenue.gone() {
        Some((gone, words)) => {
            columns.push(column("cancelled", "UInt64", &format!("Of them {words} since.")));
            select += &format!(
                "    countIf({gone}) as cancelled,\n    sumIf({paid}, not ({gone})) as {brought}\n"
            );
            format!("Sum of {told}, of orders that are not {words}.")
        }
        None => {
            select += &format!("    sum({paid}) as {brought}\n");
            format!("Sum of {told}.")
        }
    };
    columns.push(column(revenue.name(), &revenue.data_type(), &what));
    let keys = grain("day", &by);
    let known = known(time, &format!("o.{at}"));
    let sql = format!(
        "select\n    {day} as day,\n{}{select}from {{{{ ref('{}') }}}} as o\n{}group by {keys}\norder by {keys}\n",
        dimensions("    o", &by),
        of.staged.model,
        known.condition,
        day = known.day,
    );
    let parts: Vec<&str> =
        ["day"].into_iter().chain(by.iter().map(|part| part.name.as_str())).collect();
    mart(format!("{name} by day."), columns, &parts, sql)
}

fn subscriptions_monthly(
    of: &Recognised<'_>,
    begun: Part<'_>,
    ends: &Ends<'_>,
    monthly: Option<Part<'_>>,
    currency: Option<Part<'_>>,
) -> Model {
    let name = &of.staged.surveyed.name;
    let by = Vec::from_iter(currency);
    let mut columns = vec![column("month", "Date", "Its first day.")];
    columns.extend(by.iter().map(|part| like(part)));
    columns.push(column("started", "UInt64", "Subscriptions that began in it."));
    columns.push(column("ended", "UInt64", "Those that ended in it."));
    columns.push(column(
        "active",
        "UInt64",
        "Those that have begun and not ended when it is over.",
    ));
    let goes_on = "s.begun < m.next and (s.ended is null or s.ended >= m.next)";
    let (mut taken, mut sums) = (dimensions("        t", &by), String::new());
    if let Some(monthly) = monthly {
        let (amount, sum) = (ident(&monthly.name), sum_of(monthly.clickhouse).unwrap_or_default());
        taken += &format!("        t.{amount} as amount,\n");
        sums = format!(",\n    sumIf(s.amount, {goes_on}) as mrr");
        columns.push(column("mrr", &sum, &format!("Sum of {} of the active ones.", monthly.name)));
    }
    let keys = grain("month", &by);
    let sql = format!(
        "with subscriptions as (\n    select\n{}        \
             toDate32(t.{}) as begun,\n        {} as ended\n    \
             from {{{{ ref('{}') }}}} as t\n),\n\n\
         months as (\n    select\n        \
             toStartOfMonth(addMonths(assumeNotNull((select min(toDate(begun)) from subscriptions)), number)) as month,\n        \
             addMonths(month, 1) as next\n    from numbers(1200)\n    \
             where month <= toStartOfMonth(toDate(now('UTC')))\n)\n\n\
         select\n    m.month as month,\n{}    countIf(s.begun >= m.month and s.begun < m.next) as started,\n    \
             countIf(s.ended >= m.month and s.ended < m.next) as ended,\n    \
             countIf({goes_on}) as active{sums}\n\
         from subscriptions as s\ncross join months as m\ngroup by {keys}\norder by {keys}\n",
        taken,
        ident(&begun.name),
        ends.sql(),
        of.staged.model,
        dimensions("    s", &by),
    );
    let parts: Vec<&str> =
        ["month"].into_iter().chain(by.iter().map(|part| part.name.as_str())).collect();
    mart(format!("{name} by month: what began, what ended, what goes on."), columns, &parts, sql)
}

/// `keys`: what a row is one of.
pub(super) fn mart(
    description: String,
    mut columns: Vec<Column>,
    keys: &[&str],
    sql: String,
) -> Model {
    let mut tests = Vec::new();
    match keys {
        [key] => {
            let key = columns.iter_mut().filter(|column| column.name == *key);
            key.for_each(|column| column.tests = vec![Test::Unique, Test::NotNull]);
        }
        keys => tests.push(Test::UniqueTogether(keys.iter().map(ToString::to_string).collect())),
    }
    Model { name: String::new(), description, columns, tests, sql }
}

pub(super) fn column(name: &str, data_type: &str, description: &str) -> Column {
    Column {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        description: Some(description.to_owned()),
        tests: Vec::new(),
    }
}

/// A column of the table, as it is there.
fn like(part: &Part<'_>) -> Column {
    let comment = part.surveyed.and_then(|surveyed| surveyed.comment.clone());
    let description = comment.unwrap_or_else(|| format!("The {} of each.", part.name));
    column(&part.name, part.clickhouse, &description)
}

fn dimensions(table: &str, by: &[Part<'_>]) -> String {
    by.iter().map(|part| format!("{table}.{0} as {0},\n", ident(&part.name))).collect()
}

fn grain(first: &str, by: &[Part<'_>]) -> String {
    let names = by.iter().map(|part| ident(&part.name));
    std::iter::once(first.to_owned()).chain(names).collect::<Vec<_>>().join(", ")
}

struct Known {
    day: String,
    condition: String,
}

/// A day that is there: what has no time has none.
fn known(time: Part<'_>, expression: &str) -> Known {
    match store::takes_null(time.clickhouse) {
        true => Known {
            day: format!("assumeNotNull(toDate({expression}))"),
            condition: format!("where {expression} is not null\n"),
        },
        false => Known { day: format!("toDate({expression})"), condition: String::new() },
    }
}
