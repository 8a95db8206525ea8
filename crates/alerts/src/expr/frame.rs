//! Frames: series or numbers with labels, and how the answer of a query becomes them.

use std::collections::BTreeMap;

use crate::Labels;

/// A dashboard shows some hundreds; a rule with more is a mistake, and each of them would be an alert.
pub(crate) const ITEMS_MAX: usize = 10_000;
pub(crate) const POINTS_MAX: usize = 2_000_000;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Unix milliseconds.
    Time,
    Number,
    Text,
    Bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Time(i64),
    Number(f64),
    Text(String),
    Bool(bool),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub cells: Vec<Cell>,
}

/// A table, by column; all of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub columns: Vec<Column>,
}

/// One number, or one series, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub labels: Labels,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(Option<f64>),
    /// Unix milliseconds, ascending.
    Series(Vec<(i64, Option<f64>)>),
}

impl Item {
    pub(crate) fn number(labels: Labels, value: Option<f64>) -> Item {
        Item { labels, value: Value::Number(value) }
    }

    /// The same for every value of it.
    pub(crate) fn map(&self, each: impl Fn(Option<f64>) -> Option<f64>) -> Item {
        let value = match &self.value {
            Value::Number(value) => Value::Number(each(*value)),
            Value::Series(points) => {
                Value::Series(points.iter().map(|(at, value)| (*at, each(*value))).collect())
            }
        };
        Item { labels: self.labels.clone(), value }
    }
}

/// Rows to items: texts and booleans are labels; with a time there are series, without one a number a row. Of several number
/// columns each is an item of its own, told apart by `__name__`.
pub(crate) fn items(answer: &Answer) -> Result<Vec<Item>, String> {
    let rows = answer.columns.iter().map(|column| column.cells.len()).max().unwrap_or(0);
    if rows == 0 {
        return Ok(Vec::new());
    }
    if answer.columns.iter().any(|column| column.cells.len() != rows) {
        return Err("the answer's columns differ in length".to_owned());
    }
    let of = |kind: Kind| answer.columns.iter().filter(move |column| column.kind == kind);
    let times: Vec<&Column> = of(Kind::Time).collect();
    let numbers: Vec<&Column> = of(Kind::Number).collect();
    if numbers.is_empty() {
        return Err("the query answers no column of numbers".to_owned());
    }
    if rows.saturating_mul(numbers.len()) > POINTS_MAX {
        return Err(format!("the query answers more than {POINTS_MAX} values; aggregate in SQL"));
    }
    let mut found: BTreeMap<Labels, Vec<(i64, Option<f64>)>> = BTreeMap::new();
    for row in 0..rows {
        let labels = labels_of(answer, row);
        let at = match times.first().map(|column| &column.cells[row]) {
            Some(Cell::Time(at)) => *at,
            Some(_) => {
                return Err(format!("the column {} has a row without a time", times[0].name));
            }
            None => 0,
        };
        for column in &numbers {
            let mut labels = labels.clone();
            if numbers.len() > 1 {
                labels.insert("__name__".to_owned(), column.name.clone());
            }
            let value = match column.cells[row] {
                Cell::Number(value) => Some(value),
                _ => None,
            };
            let points = found.entry(labels).or_default();
            if times.is_empty() && !points.is_empty() {
                return Err(
                    "two rows have the same labels; group by them, or select a time".to_owned()
                );
            }
            points.push((at, value));
        }
        if found.len() > ITEMS_MAX {
            return Err(format!("the query answers more than {ITEMS_MAX} series; group by less"));
        }
    }
    Ok(found.into_iter().map(|(labels, points)| item(labels, points, !times.is_empty())).collect())
}

fn item(labels: Labels, mut points: Vec<(i64, Option<f64>)>, is_series: bool) -> Item {
    if !is_series {
        return Item::number(labels, points.first().and_then(|(_, value)| *value));
    }
    points.sort_by_key(|(at, _)| *at);
    Item { labels, value: Value::Series(points) }
}

fn labels_of(answer: &Answer, row: usize) -> Labels {
    let label = |column: &Column| match &column.cells[row] {
        Cell::Text(text) => Some((column.name.clone(), text.clone())),
        Cell::Bool(flag) => Some((column.name.clone(), flag.to_string())),
        _ => None,
    };
    answer.columns.iter().filter_map(label).collect()
}

/// Two items of one result never have the same labels.
pub(crate) fn unique(items: &[Item]) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    for item in items {
        if !seen.insert(&item.labels) {
            // Not which ones: they are values of rows.
            return Err("two of its results have the same labels".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::of;

    fn column(name: &str, kind: Kind, cells: Vec<Cell>) -> Column {
        Column { name: name.to_owned(), kind, cells }
    }

    fn texts(all: &[&str]) -> Vec<Cell> {
        all.iter().map(|text| Cell::Text((*text).to_owned())).collect()
    }

    fn numbers(all: &[f64]) -> Vec<Cell> {
        all.iter().map(|number| Cell::Number(*number)).collect()
    }

    /// The table of Grafana's page on expressions.
    #[test]
    fn rows_without_a_time_are_numbers() {
        let answer = Answer {
            columns: vec![
                column("Loc", Kind::Text, texts(&["MIA", "NYC"])),
                column("Host", Kind::Text, texts(&["A", "B"])),
                column("Avg_CPU", Kind::Number, numbers(&[1.0, 2.0])),
            ],
        };
        let found = items(&answer).unwrap();
        assert_eq!(
            found,
            [
                Item::number(of(&[("Loc", "MIA"), ("Host", "A")]), Some(1.0)),
                Item::number(of(&[("Loc", "NYC"), ("Host", "B")]), Some(2.0)),
            ]
        );
    }

    #[test]
    fn rows_with_a_time_are_series_in_order() {
        let answer = Answer {
            columns: vec![
                column("t", Kind::Time, vec![Cell::Time(2), Cell::Time(1), Cell::Time(1)]),
                column("ok", Kind::Bool, vec![Cell::Bool(true), Cell::Bool(true), Cell::Null]),
                column("n", Kind::Number, vec![Cell::Number(2.0), Cell::Null, Cell::Number(3.0)]),
            ],
        };
        let found = items(&answer).unwrap();
        assert_eq!(
            found[0],
            Item { labels: Labels::new(), value: Value::Series(vec![(1, Some(3.0))]) }
        );
        assert_eq!(found[1].value, Value::Series(vec![(1, None), (2, Some(2.0))]));
        assert_eq!(found[1].labels, of(&[("ok", "true")]));
    }

    #[test]
    fn several_numbers_are_told_apart_by_name() {
        let answer = Answer {
            columns: vec![
                column("a", Kind::Number, numbers(&[1.0])),
                column("b", Kind::Number, numbers(&[2.0])),
            ],
        };
        let found = items(&answer).unwrap();
        assert_eq!(found[1], Item::number(of(&[("__name__", "b")]), Some(2.0)));
    }

    #[test]
    fn what_is_no_frame_is_said() {
        assert_eq!(items(&Answer::default()).unwrap(), []);
        let text = column("a", Kind::Text, texts(&["x", "x"]));
        assert!(
            items(&Answer { columns: vec![text.clone()] })
                .unwrap_err()
                .contains("no column of numbers")
        );
        let two = Answer { columns: vec![text, column("n", Kind::Number, numbers(&[1.0, 2.0]))] };
        assert!(items(&two).unwrap_err().contains("the same labels"));
        let odd = Answer {
            columns: vec![
                column("n", Kind::Number, numbers(&[1.0])),
                column("m", Kind::Number, vec![]),
            ],
        };
        assert!(items(&odd).is_err());
        let nameless = vec![
            column("t", Kind::Time, vec![Cell::Null]),
            column("n", Kind::Number, numbers(&[1.0])),
        ];
        assert!(items(&Answer { columns: nameless }).unwrap_err().contains("without a time"));
    }
}
