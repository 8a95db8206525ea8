//! Which tables are events, orders or subscriptions. Each part has to be there, and is named as evidence; what is not
//! recognised gets no mart.

use super::ends::Ends;
use super::names::snake;
use super::revenue::{self, Revenue};
use super::staging::{Staged, StagedColumn};
use crate::cli::propose::{EVENT_WORDS, ROWS_TO_PROVE, time_column};
use model::words::counted;
use source::survey::{Link, Surveyed};
use store::Type;

/// In the order in which they are preferred, as `snake` spells them.
const PEOPLE: [&str; 9] = [
    "user_id",
    "customer_id",
    "account_id",
    "buyer_id",
    "client_id",
    "member_id",
    "person_id",
    "visitor_id",
    "actor_id",
];
/// Tables whose rows are people, for a foreign key by any name.
const PEOPLE_TABLES: [&str; 8] =
    ["users", "user", "customers", "customer", "accounts", "account", "members", "people"];
const KINDS: [&str; 9] = [
    "event_name",
    "event_type",
    "event_kind",
    "event",
    "action",
    "action_type",
    "activity_type",
    "type",
    "kind",
];
const ORDERS: [&str; 6] = ["orders", "order", "purchases", "purchase", "sales", "sale"];
const ORDERED: [&str; 10] = [
    "placed_at",
    "ordered_at",
    "purchased_at",
    "sold_at",
    "order_date",
    "ordered_on",
    "placed_on",
    "created_at",
    "created_on",
    "inserted_at",
];
const SUBSCRIPTIONS: [&str; 4] = ["subscriptions", "subscription", "memberships", "membership"];
/// Those that say that they are of a month: of another amount nobody knows for how long it is.
const MONTHLY: [&str; 8] = [
    "mrr",
    "mrr_cents",
    "monthly_amount",
    "monthly_price",
    "monthly_amount_cents",
    "monthly_price_cents",
    "price_monthly",
    "amount_monthly",
];
const BEGUN: [&str; 8] = [
    "started_on",
    "started_at",
    "start_date",
    "starts_at",
    "starts_on",
    "activated_at",
    "created_at",
    "created_on",
];
/// Without a name that says so, this share of its writes has to be inserts.
const INSERTS_LEAST: f64 = 0.99;

pub(in crate::cli::init) struct Recognised<'a> {
    pub(in crate::cli::init) staged: &'a Staged<'a>,
    pub(in crate::cli::init) shape: Shape<'a>,
    pub(in crate::cli::init) evidence: Vec<String>,
}

pub(in crate::cli::init) enum Shape<'a> {
    Events {
        time: Part<'a>,
        kind: Part<'a>,
        who: Part<'a>,
    },
    Orders {
        revenue: Revenue<'a>,
        time: Part<'a>,
        who: Part<'a>,
        currency: Option<Part<'a>>,
    },
    Subscriptions {
        begun: Part<'a>,
        ends: Ends<'a>,
        monthly: Option<Part<'a>>,
        currency: Option<Part<'a>>,
    },
}

/// A column that plays a part in it.
pub(in crate::cli::init) type Part<'a> = &'a StagedColumn<'a>;

pub(super) fn recognise<'a>(staged: &'a Staged<'a>) -> Option<Recognised<'a>> {
    let look = Look { staged, table: snake(&staged.surveyed.name.table) };
    look.subscriptions().or_else(|| look.orders()).or_else(|| look.events())
}

/// At a table.
pub(super) struct Look<'a> {
    staged: &'a Staged<'a>,
    table: String,
}

impl<'a> Look<'a> {
    fn events(&self) -> Option<Recognised<'a>> {
        let (surveyed, named) = (self.staged.surveyed, self.is_named_as(&EVENT_WORDS));
        let writes = Writes::of(surveyed);
        if !writes.are_inserts(named) {
            return None;
        }
        let time = self.staged.column(time_column(surveyed)?)?;
        let is_kind =
            |part: &Part<'_>| is_word(part) && part.surveyed.is_some_and(|column| column.not_null);
        let kind = self.named(&KINDS).find(is_kind).or_else(|| {
            // Everything has a name; that of an event is its kind.
            self.named(&["name"]).find(|part| named && is_kind(part))
        })?;
        let (who, why) = self.who()?;
        let evidence = [writes.tell(), said(time, "when"), said(kind, "what"), why];
        let evidence = self.name_evidence(named).into_iter().chain(evidence).collect();
        let shape = Shape::Events { time, kind, who };
        Some(Recognised { staged: self.staged, shape, evidence })
    }

    fn orders(&self) -> Option<Recognised<'a>> {
        let named = self.ends_with(&ORDERS);
        let revenue = Revenue::find(self).filter(|_| named)?;
        let time = self.named(&ORDERED).find(is_time)?;
        let (who, why) = self.who()?;
        let mut evidence = self.name_evidence(named);
        evidence.extend(revenue.amount_evidence());
        evidence.extend([said(time, "when"), why]);
        evidence.extend(revenue.cancel_evidence());
        let currency = self.currency(&mut evidence);
        let shape = Shape::Orders { revenue, time, who, currency };
        Some(Recognised { staged: self.staged, shape, evidence })
    }

    fn subscriptions(&self) -> Option<Recognised<'a>> {
        let named = self.ends_with(&SUBSCRIPTIONS);
        let begun = self.named(&BEGUN).find(is_time).filter(|_| named)?;
        let ends = Ends::find(self)?;
        let mut evidence = self.name_evidence(named);
        evidence.push(said(begun, "its beginning"));
        evidence.extend(ends.evidence());
        let monthly = self.named(&MONTHLY).find(is_number);
        evidence.extend(monthly.map(|part| said(part, "what it brings a month")));
        let currency = monthly.and_then(|_| self.currency(&mut evidence));
        let shape = Shape::Subscriptions { begun, ends, monthly, currency };
        Some(Recognised { staged: self.staged, shape, evidence })
    }

    /// Sums of several currencies say nothing.
    fn currency(&self, evidence: &mut Vec<String>) -> Option<Part<'a>> {
        let part = self.named(&["currency", "currency_code"]).find(is_word)?;
        evidence.push(said(part, "in which currency"));
        Some(part)
    }

    /// By its name, or because a foreign key leads from it to a table of people.
    fn who(&self) -> Option<(Part<'a>, String)> {
        if let Some(part) = self.named(&PEOPLE).find(is_id) {
            return Some((part, said(part, "who")));
        }
        let to_people = |link: &&Link| PEOPLE_TABLES.contains(&snake(&link.to.table).as_str());
        let mut links = self.staged.surveyed.links.iter().filter(to_people);
        // Of two of them nobody knows which is meant.
        let (Some(link), None) = (links.next(), links.next()) else { return None };
        let [column] = &link.columns[..] else { return None };
        let (part, to) = (self.staged.column(column).filter(is_id)?, &link.to);
        Some((part, format!("{}, as its foreign key to {to} says", said(part, "who"))))
    }

    /// Columns by these names, the preferred ones first.
    pub(super) fn named(&self, names: &'static [&'static str]) -> impl Iterator<Item = Part<'a>> {
        let columns = &self.staged.columns;
        let by_name = |name: &&str| {
            columns.iter().find(|column| column.surveyed.is_some() && column.name == *name)
        };
        names.iter().filter_map(by_name)
    }

    fn is_named_as(&self, words: &[&str]) -> bool {
        self.table.split('_').any(|word| words.contains(&word))
    }

    /// `customer_orders` are orders, `order_items` are items.
    fn ends_with(&self, words: &[&str]) -> bool {
        self.table.rsplit('_').next().is_some_and(|last| words.contains(&last))
    }

    fn name_evidence(&self, named: bool) -> Vec<String> {
        named
            .then(|| format!("it is called {}", self.staged.surveyed.name.table))
            .into_iter()
            .collect()
    }
}

/// What the server has counted.
struct Writes {
    all: i64,
    inserts: i64,
}

impl Writes {
    fn of(table: &Surveyed) -> Writes {
        Writes { all: table.inserts + table.updates + table.deletes, inserts: table.inserts }
    }

    fn are_inserts(&self, named: bool) -> bool {
        let is_enough = named || self.inserts >= ROWS_TO_PROVE;
        is_enough && self.inserts as f64 >= INSERTS_LEAST * self.all as f64
    }

    fn tell(&self) -> String {
        // Rounded down: 100.0 % is all of them.
        let tenths = (self.inserts * 1000).checked_div(self.all);
        match tenths {
            None => "the server has counted no write of it".to_owned(),
            Some(tenths) => format!(
                "append-only in {}.{} % of {}",
                tenths / 10,
                tenths % 10,
                counted(self.all.max(0) as u64, "write")
            ),
        }
    }
}

pub(super) fn said(part: Part<'_>, means: &str) -> String {
    let (name, ty) = part.surveyed.map_or(("", ""), |c| (c.name.as_str(), c.type_name.as_str()));
    format!("{name} ({ty}) says {means}")
}

/// A text, or an enum.
pub(super) fn is_word(part: &Part<'_>) -> bool {
    let is_text = |ty: &str| ty == "text" || ty == "citext" || ty.starts_with("character");
    part.surveyed.is_some_and(|column| is_text(&column.type_name) || !column.labels.is_empty())
}

fn is_id(part: &Part<'_>) -> bool {
    let ty = Type::parse(part.clickhouse);
    ty.is_string() || ty.integer().is_some() || ty.name() == "UUID"
}

pub(super) fn is_time(part: &Part<'_>) -> bool {
    matches!(Type::parse(part.clickhouse).name(), "DateTime64" | "Date32")
}

pub(super) fn is_number(part: &Part<'_>) -> bool {
    revenue::sum_of(part.clickhouse).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_prove_facts_where_there_are_enough() {
        let writes = |inserts, others| Writes { all: inserts + others, inserts };
        for (writes, named, unnamed, told) in [
            (writes(0, 0), true, false, "the server has counted no write of it"),
            (writes(10, 0), true, false, "append-only in 100.0 % of 10 writes"),
            (writes(998_999, 1001), true, true, "append-only in 99.8 % of 1,000,000 writes"),
            (writes(1, 0), true, false, "append-only in 100.0 % of 1 write"),
            (writes(1000, 11), false, false, "append-only in 98.9 % of 1,011 writes"),
        ] {
            assert_eq!(writes.tell(), told);
            assert_eq!(
                (writes.are_inserts(true), writes.are_inserts(false)),
                (named, unnamed),
                "{told}"
            );
        }
    }
}
