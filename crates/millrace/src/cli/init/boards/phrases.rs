//! What the shop's dashboards say in words, of a project that is no shop of ours.

use super::shapes::Fit;
use serde_json::Value;

/// Whole sentences before their parts.
const PHRASES: [(&str, &str); 20] = [
    ("What the shop is doing this minute.", "What is going on this minute."),
    (
        "Who uses the shop, what they use of it, and whether they come back.",
        "Who comes, what they do, and whether they come back.",
    ),
    (
        "What is ordered, paid back, and paid every month. The shop sells in euros.",
        "What is ordered, and what is paid every month.",
    ),
    ("The shop's other dashboards", "The other dashboards"),
    ("What customers did in", "What was done in"),
    ("the average customer of a month", "the average person of a month"),
    ("Funnel: signup to purchase", "Funnel"),
    (
        "Of those who signed up in the time range: who came to each step within 30 days of the signup, each not before the one above it, and the median time from the step above.",
        "Of those whose first step was in the time range, for the first time: who came to each step within 30 days, each not before the one above it, and the median time from the step above.",
    ),
    ("Retention by signup week", "Retention by first week"),
    ("Of those who signed up in a week:", "Of those who were first seen in a week:"),
    (
        "The same shares by the week of the signup, of the events chosen: a step down says that newer customers find the feature less.",
        "Of those who were first seen in a week: the share who have done each of the events chosen at least once since; a step down says that newer people find it less.",
    ),
    (
        "the window of 30 days begins with the signup; each step",
        "the window of 30 days begins with the first time of the first step; each step",
    ),
    ("counts a customer once", "counts a person once"),
    ("What moved MRR", "Begun and ended"),
    (
        "New: of customers who paid nothing at the end of the month before. Expansion and contraction: of those who pay more or less than then. Churn: of those who pay nothing any more. This month so far.",
        "Subscriptions that began in a month, and those that ended in it (churn); this month so far.",
    ),
    ("; refunds are not taken off.", "; what was paid back of them is not taken off."),
    ("/d/shop-", "/d/"),
    ("Shop", "Dashboards"),
    ("for the panels that count events", "for the panels that count them"),
    ("currencyEUR", "short"),
];

/// Everywhere but in SQL.
pub(super) fn put_in(board: &mut Value, fit: &Fit) {
    let own: Vec<&(String, String)> =
        [&fit.events, &fit.orders].into_iter().flatten().flat_map(|shown| &shown.phrases).collect();
    walk(board, &mut |text| {
        for (shop, own) in PHRASES {
            *text = text.replace(shop, own);
        }
        for (shop, own) in &own {
            *text = text.replace(shop.as_str(), own);
        }
    });
}

fn walk(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(values) => values.iter_mut().for_each(|value| walk(value, change)),
        Value::Object(members) => {
            let members = members.iter_mut().filter(|(key, _)| !SQL.contains(&key.as_str()));
            members.for_each(|(_, value)| walk(value, change));
        }
        _ => {}
    }
}

const SQL: [&str; 3] = ["rawSql", "query", "definition"];
