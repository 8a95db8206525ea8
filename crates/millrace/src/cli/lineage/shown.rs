//! Lineage as a tree for people, and as a graph for programs.

use crate::talk::{self, Paint};
use model::{Error, Result};
use std::collections::BTreeSet;
use transform::lineage::{Graph, Link, Place, Point};

/// A terminal's width, where notes still fit behind.
const NAME_WIDTH_MAX: usize = 72;

pub(super) struct Asked<'a> {
    pub(super) graph: &'a Graph,
    pub(super) point: &'a Point,
    pub(super) up: bool,
    pub(super) down: bool,
}

/// What stands before a name, the name, and what is said of it.
struct Line {
    branch: String,
    name: String,
    notes: Vec<String>,
    is_open: bool,
}

impl Asked<'_> {
    pub(super) fn text(&self) -> String {
        let of_column = self.point.column.is_some();
        let about = [self.graph.ty(self.point), self.graph.kind(self.point).map(kind)];
        let about: Vec<&str> = about.into_iter().flatten().collect();
        let name = talk::plain(&self.point.to_string());
        let mut text = talk::data(name, Paint::Bold);
        if !about.is_empty() {
            text += &format!("  {}", talk::data(talk::plain(&about.join(", ")), Paint::Dim));
        }
        text += "\n";
        let is_source = self.point.place == Place::Postgres;
        if self.up && !(is_source && self.down) {
            text += "\nmade of\n";
            let nothing = match (self.point.place, of_column) {
                (Place::Postgres, _) => "it comes from the app",
                (_, true) => "no column: it counts rows, or is the same in each",
                (_, false) => "nothing that dbt or millrace makes",
            };
            text += &self.tree(true, nothing);
            if of_column {
                text += &self.rows();
            }
        }
        if self.down {
            text += "\ngoes into\n";
            text += &self.tree(false, "no model");
        }
        text
    }

    fn tree(&self, is_up: bool, nothing: &str) -> String {
        let mut lines = Vec::new();
        let mut seen = BTreeSet::from([self.point.clone()]);
        self.branch(self.point, "", is_up, &mut seen, &mut lines);
        let gaps = if is_up { self.graph.gaps(self.point) } else { Vec::new() };
        let nothing = self.graph.end(self.point).filter(|_| is_up).unwrap_or(nothing);
        if lines.is_empty() && gaps.is_empty() {
            return format!("  {}\n", talk::data(nothing, Paint::Dim));
        }
        let width = lines.iter().map(Line::width).max().unwrap_or_default().min(NAME_WIDTH_MAX);
        let drawn = lines.iter().map(|line| line.draw(width));
        drawn.chain(gaps.iter().map(|gap| format!("  {}\n", not_known(gap)))).collect()
    }

    fn branch(
        &self,
        point: &Point,
        before: &str,
        is_up: bool,
        seen: &mut BTreeSet<Point>,
        lines: &mut Vec<Line>,
    ) {
        let mut next = if is_up { self.graph.up(point) } else { self.graph.down(point) };
        next.sort_by(|(a, one), (b, other)| (&a.table, one, a).cmp(&(&b.table, other, b)));
        let last = next.len().saturating_sub(1);
        for (at, (next, link)) in next.iter().enumerate() {
            let (here, below) = if at == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let is_end = point.column.is_some() && matches!(link, Link::Rows | Link::Read);
            let is_new = seen.insert(next.clone()) || is_end;
            let on = if is_up { self.graph.up(next) } else { self.graph.down(next) };
            let gaps = match is_up && *link != Link::NotKnown {
                true => self.graph.gaps(next),
                false => Vec::new(),
            };
            let mut notes: Vec<String> = words(*link, point.column.is_some()).into_iter().collect();
            notes.extend(self.graph.kind(next).map(|found| kind(found).to_owned()));
            notes.extend((!is_new && !on.is_empty()).then(|| "see above".to_owned()));
            notes.extend(self.graph.end(next).filter(|_| is_up).map(str::to_owned));
            notes.extend(gaps.iter().map(|gap| not_known(gap)));
            lines.push(Line {
                branch: format!("{before}{here}"),
                name: talk::plain(&next.to_string()),
                notes,
                is_open: *link == Link::NotKnown,
            });
            if is_new && !is_end {
                self.branch(next, &format!("{before}{below}"), is_up, seen, lines);
            }
        }
    }

    /// What decides which rows there are.
    fn rows(&self) -> String {
        let rows = self.graph.rows(self.point);
        let gaps = self.graph.rows_gaps(self.point);
        if rows.is_empty() && gaps.is_empty() {
            return String::new();
        }
        let rows = rows.iter().map(|point| format!("  {}\n", talk::plain(&point.to_string())));
        let gaps = gaps.iter().map(|gap| format!("  {}\n", not_known(gap)));
        let heading = format!("\nrows of {} chosen by\n", talk::plain(&self.point.table));
        heading + &rows.chain(gaps).collect::<String>()
    }

    pub(super) fn json(&self) -> Result<String> {
        let mut links = Vec::new();
        let mut points = BTreeSet::from([self.point.clone()]);
        for is_up in
            [true, false].into_iter().filter(|&is_up| if is_up { self.up } else { self.down })
        {
            for (here, next, link) in self.graph.walk(self.point, is_up) {
                let (from, to) = if is_up { (&next, &here) } else { (&here, &next) };
                links.push(serde_json::json!({
                    "from": from.to_string(),
                    "to": to.to_string(),
                    "how": link.name(),
                }));
                points.extend([here, next]);
            }
        }
        let node = |point: &Point| {
            let rows = self.graph.rows(point);
            let mut gaps = self.graph.gaps(point);
            gaps.extend(self.graph.rows_gaps(point));
            serde_json::json!({
                "name": point.to_string(),
                "place": match point.place { Place::Postgres => "postgres", Place::Store => "store" },
                "table": point.table,
                "column": point.column,
                "kind": self.graph.kind(point),
                "type": self.graph.ty(point),
                "rows": rows.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "not_known": gaps,
                "end": self.graph.end(point),
            })
        };
        let whole = serde_json::json!({
            "of": self.point.to_string(),
            "nodes": points.iter().map(node).collect::<Vec<_>>(),
            "links": links,
        });
        let text = serde_json::to_string_pretty(&whole);
        text.map(|text| text + "\n").map_err(|error| Error::bug("cannot write JSON").source(error))
    }
}

impl Line {
    fn width(&self) -> usize {
        self.branch.chars().count() + self.name.chars().count()
    }

    fn draw(&self, width: usize) -> String {
        let pad = " ".repeat(width.saturating_sub(self.width()));
        let paint = if self.is_open { Paint::Yellow } else { Paint::Dim };
        let notes = talk::data(self.notes.join(", "), paint);
        let branch = talk::data(&self.branch, Paint::Dim);
        format!("  {branch}{}{pad}  {notes}", self.name).trim_end().to_owned() + "\n"
    }
}

/// dbt says what its models are in its own words.
fn kind(found: &str) -> &str {
    match found {
        "append" => "append table",
        "materialized_view" => "materialized view",
        "plain_view" => "view, not dbt's",
        other => other,
    }
}

fn not_known(gap: &str) -> String {
    format!("not known: {}", talk::plain(gap))
}

/// From table to table there is but one way.
fn words(link: Link, of_column: bool) -> Option<String> {
    let words = match link {
        Link::Same => "as it is",
        Link::Computed => "computed",
        Link::Rows => "chooses its rows",
        Link::Read => "read, but in no column",
        Link::NotKnown => "not known which column",
    };
    of_column.then(|| words.to_owned())
}
