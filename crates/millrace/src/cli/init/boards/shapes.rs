//! What the user's tables are called where the shop's dashboards name its own.
//!
//! Of several tables of one shape the largest is shown. What is asked of this minute reads the rows as they come; days,
//! weeks and months are those of the marts.

use super::super::dbt::marts::Mart;
use super::super::dbt::names::is_plain;
use super::super::dbt::recognise::{Part, Recognised, Shape};
use super::super::dbt::revenue::{Revenue, Status};
use super::words::Words;
use model::TableName;
use store::Type;

/// A table that panels are about.
pub(in crate::cli::init) struct Shown {
    /// As Postgres calls it.
    pub(super) table: String,
    /// Of panels that ask for this minute, and of those that ask marts.
    pub(super) live: Option<Words>,
    pub(super) mart: Words,
    /// Where its rows are on disk.
    pub(super) size: Option<Words>,
    /// Of a rule, which knows no variable.
    pub(super) rule: Option<Words>,
    /// What the values of `$currency` are, where sums are of one currency each.
    pub(super) currencies: Option<String>,
    /// Queries of `$step_1` and on.
    pub(super) steps: Vec<String>,
    pub(super) phrases: Vec<(String, String)>,
}

/// What was recognised, one of each.
#[derive(Default)]
pub(in crate::cli::init) struct Fit {
    pub(super) events: Option<Shown>,
    pub(super) orders: Option<Shown>,
    pub(super) subscriptions: Option<Shown>,
}

/// The databases of the models.
pub(in crate::cli::init) struct Places<'a> {
    pub(in crate::cli::init) staging: &'a str,
    pub(in crate::cli::init) marts: &'a str,
}

impl Fit {
    pub(in crate::cli::init) fn find(
        found: &[Recognised<'_>],
        marts: &[Mart<'_>],
        places: &Places<'_>,
    ) -> Fit {
        let largest = |is_one: fn(&Shape<'_>) -> bool| {
            let those = found.iter().filter(|of| is_one(&of.shape));
            // Of equals the first.
            let of = those.rev().max_by_key(|of| of.staged.surveyed.rows)?;
            Some(Look { of, marts, places })
        };
        let events = largest(|shape| matches!(shape, Shape::Events { .. }));
        let orders = largest(|shape| matches!(shape, Shape::Orders { .. }));
        let subscriptions = largest(|shape| matches!(shape, Shape::Subscriptions { .. }));
        Fit {
            events: events.and_then(|look| look.events()),
            orders: orders.and_then(|look| look.orders()),
            subscriptions: subscriptions.and_then(|look| look.subscriptions()),
        }
    }
}

struct Look<'a> {
    of: &'a Recognised<'a>,
    marts: &'a [Mart<'a>],
    places: &'a Places<'a>,
}

impl Look<'_> {
    fn shown(&self, mart: Words) -> Shown {
        Shown {
            table: self.of.staged.surveyed.name.to_string(),
            live: None,
            mart,
            size: None,
            rule: None,
            currencies: None,
            steps: Vec::new(),
            phrases: Vec::new(),
        }
    }

    fn mart(&self, asked: &str) -> Option<String> {
        let is_one = |mart: &&Mart<'_>| std::ptr::eq(mart.of, self.of) && mart.asked == asked;
        let mart = self.marts.iter().find(is_one)?;
        Some(relation(self.places.marts, &mart.model.name))
    }

    fn staging(&self) -> String {
        relation(self.places.staging, &self.of.staged.model)
    }

    fn events(&self) -> Option<Shown> {
        let Shape::Events { time, kind, who } = self.of.shape else { return None };
        let target = self.of.staged.target;
        let column = |part: Part<'_>| format!("e.{}", name(part.kept));
        let (at, what, user) = (column(time), column(kind), column(who));
        let rows = format!("{} AS e", place(&target.name));
        let live = Words::default()
            .with("marts.events_per_minute", rows.clone())
            .with("analytics.events", rows)
            .with("uniqExact(minute)", format!("uniqExact(toStartOfMinute({at}))"))
            .with("minute", at.clone())
            .with("occurred_at", at)
            .with("sum(events)", "count()")
            .with("SELECT event_name,", format!("SELECT toString({what}) AS event_name,"))
            .with("event_name", what.clone())
            .with("user_id", user.clone())
            .with(
                "concat(event_name, ' by ', user_id, ' ', toString(properties_json)) AS body",
                format!("concat(toString({what}), ' by ', ifNull(toString({user}), '?')) AS body"),
            )
            .with(
                "if(toString(properties_json.status) >= '500', 'error', 'info') AS level",
                "'info' AS level",
            )
            .without(&["properties_json", "event_name = 'product_view'"]);
        let daily = self.mart("daily")?;
        let kinds = format!("d.{}", name(&kind.name));
        let mart = Words::default()
            .with("marts.dau_wau_mau", self.mart("active_users_daily")?)
            .with("marts.retention_by_signup_week", self.mart("retention_weekly")?)
            .with("marts.feature_adoption_by_cohort_week", self.mart("adoption_weekly")?)
            .with("marts.events_per_minute", format!("{daily} AS d"))
            .with("toStartOfDay(minute) AS time", "toDateTime(d.day) AS time")
            .with("$__timeFilter(minute)", "$__dateFilter(d.day)")
            .with("toString(event_name)", format!("toString({kinds})"))
            .with("event_name IN", format!("toString({kinds}) IN"))
            .with("DISTINCT event_name", format!("DISTINCT toString({kinds}) AS event_name"))
            .with("sum(events)", "sum(d.events)")
            .without(&["feature = 'product_view'", "country IN"]);
        let place = &target.rows;
        let size = Words::default()
            .with(
                "database = 'analytics'",
                format!("database = {}", store::ddl::literal(&place.schema)),
            )
            .with("table = 'events'", format!("table = {}", store::ddl::literal(&place.table)));
        let step = |but: &str| {
            let but = if but.is_empty() {
                String::new()
            } else {
                format!("WHERE toString({kinds}) {but}\n")
            };
            format!(
                "SELECT toString({kinds}) AS step\nFROM {daily} AS d\n{but}GROUP BY step\nORDER BY sum(d.users) DESC, step"
            )
        };
        let steps = vec![
            step(""),
            step("!= ${step_1:singlequote}"),
            step("NOT IN (${step_1:singlequote}, ${step_2:singlequote})"),
        ];
        let phrases = [("analytics.events", self.of.staged.target.name.to_string())];
        Some(Shown {
            live: Some(live),
            mart: self.funnel(mart, time, kind, who),
            size: Some(size),
            steps,
            phrases: phrases.map(|(shop, own)| (shop.to_owned(), own)).to_vec(),
            ..self.shown(Words::default())
        })
    }

    /// Three steps that are chosen, of the shop's five.
    fn funnel(&self, words: Words, time: Part<'_>, kind: Part<'_>, who: Part<'_>) -> Words {
        let column = |part: Part<'_>| format!("e.{}", name(&part.name));
        let (at, what, user) = (column(time), column(kind), column(who));
        let times = |step: u8| {
            format!("groupArrayIf({at}, toString({what}) = ${{step_{step}:singlequote}})")
        };
        let first = |from: &str, of: &str| {
            format!(
                "arrayMin(arrayPushBack(arrayFilter(at -> at >= {from} AND at <= until, {of}), never))"
            )
        };
        let people = format!(
            "(\n        SELECT first_at, nullIf(second, never) AS second_at, nullIf(third, never) AS third_at\n        FROM (\n            \
             SELECT toDateTime64('2200-01-01 00:00:00', 6, 'UTC') AS never, arrayMin(firsts) AS first_at,\n                   \
             first_at + INTERVAL 30 DAY AS until, {} AS second,\n                   {} AS third\n            FROM (\n                \
             SELECT {} AS firsts, {} AS seconds,\n                       {} AS thirds\n                FROM {} AS e\n                \
             WHERE {user} IS NOT NULL\n                  \
             AND toString({what}) IN (${{step_1:singlequote}}, ${{step_2:singlequote}}, ${{step_3:singlequote}})\n                \
             GROUP BY {user}\n            )\n            WHERE notEmpty(firsts)\n        )\n    )",
            first("first_at", "seconds"),
            first("second", "thirds"),
            times(1),
            times(2),
            times(3),
            self.staging(),
        );
        words
            .with("marts.funnel_people", people)
            .with("'Signed up'", "${step_1:singlequote}")
            .with("'Viewed a product'", "${step_2:singlequote}")
            .with("'Put in cart'", "${step_3:singlequote}")
            .with("signed_up_at", "first_at")
            .with("viewed_at", "second_at")
            .with("put_in_cart_at", "third_at")
            .with(",\n        ('Checked out', countIf(isNotNull(checked_out_at)), medianIf(dateDiff('second', put_in_cart_at, checked_out_at), isNotNull(checked_out_at)))", "")
            .with(",\n        ('Bought', countIf(isNotNull(purchased_at)), medianIf(dateDiff('second', checked_out_at, purchased_at), isNotNull(purchased_at)))", "")
            .with(" AND $__conditionalAll(country IN (${country:singlequote}), $country)", "")
    }

    fn orders(&self) -> Option<Shown> {
        let Shape::Orders { revenue, time, currency, .. } = &self.of.shape else { return None };
        let daily = self.mart("daily")?;
        let currency = currency.as_ref().map(|part| name(&part.name));
        let amount = name(revenue.name());
        let gone = revenue.gone();
        let has_gone = gone.is_some();
        let is_wide = currency.is_some() || matches!(revenue.status, Status::Any(_));
        // One row for a day, whatever else the mart tells apart.
        let (days, amount) = match is_wide {
            false => (format!("{daily} AS d"), amount),
            true => {
                let of_one = currency.as_ref().map(|of| format!("    WHERE {}\n", chosen("x", of)));
                let cancelled = if has_gone { ", sum(x.cancelled) AS cancelled" } else { "" };
                let days = format!(
                    "(\n    SELECT x.day AS day, sum(x.orders) AS orders{cancelled}, sum(x.{amount}) AS revenue\n    \
                     FROM {daily} AS x\n{}    GROUP BY day\n) AS d",
                    of_one.unwrap_or_default()
                );
                (days, "revenue".to_owned())
            }
        };
        let cents = in_cents(revenue.name());
        let (counted, none) = match has_gone {
            true => ("d.orders - d.cancelled", "d.orders = d.cancelled"),
            false => ("d.orders", "d.orders = 0"),
        };
        let sums = if has_gone { "sum(d.orders) - sum(d.cancelled)" } else { "sum(d.orders)" };
        let mart = Words::default()
            .with("marts.orders_daily", days)
            .with("day", "d.day")
            .with("sum(orders) - sum(cancelled)", sums)
            .with("orders - cancelled", counted)
            .with("orders = cancelled", none)
            .with("revenue", format!("d.{amount}{cents}"))
            .without(&["net_revenue", "refunds"]);
        let is_day = Type::parse(time.clickhouse).name() == "Date32";
        let live = |one: Option<String>| self.orders_live(revenue, time, one);
        let rule = currency.as_ref().map(|of| {
            let (rows, at) = (self.orders_rows(), name(&time.name));
            format!(
                "o.{of} = (SELECT x.{of} FROM {rows} AS x WHERE x.{at} >= now() - INTERVAL 7 DAY AND x.{of} IS NOT NULL \
                 GROUP BY x.{of} ORDER BY count() DESC LIMIT 1) AND "
            )
        });
        let variable = currency.as_ref().map(|of| format!("{} AND ", chosen("o", of)));
        let currencies = currency.as_ref().map(|of| {
            format!(
                "SELECT toString(d.{of}) AS currency\nFROM {daily} AS d\nWHERE d.{of} IS NOT NULL\nGROUP BY currency\n\
                 ORDER BY sum(d.orders) DESC, currency"
            )
        });
        Some(Shown {
            live: (!is_day).then(|| live(variable)),
            rule: (!is_day).then(|| live(rule)),
            currencies,
            phrases: phrases(gone.as_ref().map(|(_, words)| words.as_str())),
            ..self.shown(mart)
        })
    }

    /// The rows themselves, unless staging renames what is needed of them.
    fn orders_rows(&self) -> String {
        let staged = self.of.staged;
        let is_renamed = staged.columns.iter().any(|column| column.name != column.kept);
        if is_renamed { self.staging() } else { place(&staged.target.name) }
    }

    /// `one`: of which currency.
    fn orders_live(&self, revenue: &Revenue<'_>, time: Part<'_>, one: Option<String>) -> Words {
        // Within a template of dbt braces are written otherwise.
        let plain = |sql: String| sql.replace("{{ '{' }}", "{");
        let gone = revenue.gone().map(|(gone, _)| plain(gone));
        let (before, behind) = match &gone {
            Some(gone) => (format!("NOT ({gone}) AND "), format!(" AND NOT ({gone})")),
            None => (String::new(), String::new()),
        };
        Words::default()
            .with("public.orders", format!("{} AS o", self.orders_rows()))
            .with("placed_at", format!("o.{}", name(&time.name)))
            .with("total", format!("{}{}", plain(revenue.sql()), in_cents(revenue.name())))
            .with("status != 'cancelled' AND ", before)
            .with(" AND status != 'cancelled'", behind)
            .with("WHERE ", format!("WHERE {}", one.unwrap_or_default()))
            .without(&["public.order_items"])
    }

    fn subscriptions(&self) -> Option<Shown> {
        let Shape::Subscriptions { monthly, currency, .. } = &self.of.shape else { return None };
        let asked = if monthly.is_some() { "mrr_monthly" } else { "subscriptions_monthly" };
        let mart = self.mart(asked)?;
        let currency = currency.as_ref().map(|part| name(&part.name));
        let months = match &currency {
            Some(of) => format!("(SELECT * FROM {mart} AS x WHERE {}) AS m", chosen("x", of)),
            None => format!("{mart} AS m"),
        };
        let cents = monthly.map_or("", |monthly| in_cents(&monthly.name));
        let movements = "toFloat64(new_mrr) AS \"New\", toFloat64(expansion_mrr) AS \"Expansion\",\n       \
                         toFloat64(contraction_mrr) AS \"Contraction\", toFloat64(churned_mrr) AS \"Churn\"";
        let mut words = Words::default()
            .with("marts.mrr_movements AS m", months.clone())
            .with("marts.mrr_movements", months)
            .with("AS month", "AS month")
            .with("ORDER BY month", "ORDER BY month")
            .with("month", "m.month")
            .with("AS mrr", "AS mrr")
            .with(movements, "toInt64(m.started) AS \"New\", -toInt64(m.ended) AS \"Churn\"");
        words = match monthly {
            Some(_) => words.with("mrr", format!("m.mrr{cents}")),
            None => words.without(&["mrr"]),
        };
        let currencies = currency.map(|of| {
            format!(
                "SELECT toString(d.{of}) AS currency\nFROM {mart} AS d\nWHERE d.{of} IS NOT NULL\nGROUP BY currency\n\
                 ORDER BY sum(d.active) DESC, currency"
            )
        });
        Some(Shown { currencies, ..self.shown(words) })
    }
}

/// How the shop says that what is cancelled does not count, and how these orders do.
fn phrases(gone: Option<&str>) -> Vec<(String, String)> {
    let said: Vec<(&str, String)> = match gone {
        Some(words) => vec![
            ("that are not cancelled", format!("that are not {words}")),
            ("without what is cancelled", format!("without what is {words}")),
            ("that were cancelled since", format!("that were {words} since")),
        ],
        None => vec![
            (" that are not cancelled", String::new()),
            (", both without what is cancelled", String::new()),
            (", without those that were cancelled since;", ",".to_owned()),
        ],
    };
    said.into_iter().map(|(shop, own)| (shop.to_owned(), own)).collect()
}

fn chosen(table: &str, of: &str) -> String {
    format!("toString({table}.{of}) = ${{currency:singlequote}}")
}

/// What is in hundredths by its name is shown in wholes.
fn in_cents(amount: &str) -> &'static str {
    if amount.split('_').any(|word| word == "cents") { " / 100" } else { "" }
}

fn place(table: &TableName) -> String {
    relation(&table.schema, &table.table)
}

fn relation(database: &str, table: &str) -> String {
    format!("{}.{}", name(database), name(table))
}

/// In quotes where it needs them.
fn name(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { store::ddl::ident(name) }
}
