//! The text of `EXPLAIN QUERY TREE`, taken apart. It is meant for people and may change with the engine: what is not
//! as it is known here is refused, never guessed.
//!
//! ```text
//! QUERY id: 0                                          a node: kind, id, attributes
//!   PROJECTION COLUMNS                                 a section of it; in this one name and type, a line each
//!     day Date
//!   PROJECTION                                         in the others nodes
//!     LIST id: 1, nodes: 1
//!       COLUMN id: 2, column_name: day, result_type: Date, source_id: 3
//! ```

use std::collections::HashMap;

/// Nobody writes deeper ones, and they are walked by recursion.
const DEPTH_MAX: usize = 400;
/// Its lines are no nodes.
const NAMES: &str = "PROJECTION COLUMNS";

#[derive(Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    by_id: HashMap<u64, usize>,
}

pub(super) struct Node {
    pub(super) kind: String,
    attributes: String,
    pub(super) sections: Vec<Section>,
}

/// Of a list, the only one has no name.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) nodes: Vec<usize>,
    lines: Vec<String>,
}

impl Tree {
    /// `None`: not as it is known here.
    pub(super) fn parse(text: &str) -> Option<Tree> {
        let mut tree = Tree::default();
        // By depth: the node, and whether its last section is open there.
        let mut open: Vec<(usize, bool)> = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let spaces = line.len() - line.trim_start_matches(' ').len();
            let mut depth = spaces / 2;
            if let Some(at) = open.iter().position(|(node, in_section)| {
                *in_section && tree.nodes[*node].sections.last().is_some_and(|s| s.name == NAMES)
            }) && depth > at
            {
                // A name may begin with spaces.
                depth = at + 1;
                let section = tree.nodes[open[at].0].sections.last_mut()?;
                section.lines.push(line.get(depth * 2..)?.to_owned());
                continue;
            }
            if spaces % 2 != 0 || depth > open.len() || depth > DEPTH_MAX {
                return None;
            }
            open.truncate(depth);
            let words = line.trim_start_matches(' ');
            match (head(words), open.last().copied()) {
                (Some((kind, id, attributes)), parent) => {
                    let at = tree.nodes.len();
                    match parent {
                        Some((parent, in_section)) => {
                            let sections = &mut tree.nodes[parent].sections;
                            if !in_section && sections.is_empty() {
                                sections.push(Section::named(""));
                            }
                            sections.last_mut()?.nodes.push(at);
                        }
                        None if at == 0 => {}
                        None => return None,
                    }
                    tree.by_id.entry(id).or_insert(at);
                    let (kind, attributes) = (kind.to_owned(), attributes.to_owned());
                    tree.nodes.push(Node { kind, attributes, sections: Vec::new() });
                    open.push((at, false));
                }
                (None, Some((parent, false))) => {
                    tree.nodes[parent].sections.push(Section::named(words.trim_end()));
                    open.push((parent, true));
                }
                (None, _) => return None,
            }
        }
        (!tree.nodes.is_empty()).then_some(tree)
    }

    pub(super) fn node(&self, at: usize) -> &Node {
        &self.nodes[at]
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn by_id(&self, id: u64) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// What stands in sections of that name, lists opened.
    pub(super) fn inside(&self, at: usize, section: &str) -> Vec<usize> {
        let sections = self.nodes[at].sections.iter().filter(|found| found.is(section));
        let nodes = sections.flat_map(|found| &found.nodes);
        nodes.flat_map(|&node| self.opened(node)).collect()
    }

    fn opened(&self, at: usize) -> Vec<usize> {
        let node = &self.nodes[at];
        match node.kind == "LIST" {
            true => node.sections.iter().flat_map(|section| section.nodes.clone()).collect(),
            false => vec![at],
        }
    }

    /// Of a query: what its columns are called, and their types.
    pub(super) fn columns(&self, query: usize) -> Vec<(&str, &str)> {
        let sections = self.nodes[query].sections.iter().filter(|section| section.name == NAMES);
        sections.flat_map(|section| &section.lines).map(|line| name_and_type(line)).collect()
    }
}

impl Section {
    fn named(name: &str) -> Section {
        Section { name: name.to_owned(), nodes: Vec::new(), lines: Vec::new() }
    }

    /// `EXPRESSION day` is an expression.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
            || name == "EXPRESSION"
                && self.name.strip_prefix(name).is_some_and(|rest| rest.starts_with(' '))
    }
}

impl Node {
    /// Names are not quoted there, so what may hold any letter ends where `until` begins.
    pub(super) fn attribute(&self, key: &str, until: &[&str]) -> Option<&str> {
        let (_, rest) = self.attributes.split_once(&format!("{key}: "))?;
        let ends = until.iter().filter_map(|end| rest.find(&format!(", {end}: ")));
        Some(&rest[..ends.min().unwrap_or(rest.len())])
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        let (_, rest) = self.attributes.rsplit_once(&format!("{key}: "))?;
        rest.split(',').next()?.parse().ok()
    }

    pub(super) fn has(&self, attribute: &str) -> bool {
        self.attributes.split(", ").any(|found| found == attribute)
    }
}

/// `COLUMN id: 4, column_name: …`.
fn head(line: &str) -> Option<(&str, u64, &str)> {
    let (kind, rest) = line.split_once(" id: ")?;
    if !kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte == b' ') {
        return None;
    }
    let (id, attributes) = rest.split_once(", ").unwrap_or((rest, ""));
    Some((kind, id.trim_end().parse().ok()?, attributes))
}

/// A type has spaces in brackets and in quotes alone, a name anywhere.
fn name_and_type(line: &str) -> (&str, &str) {
    let (mut depth, mut is_quoted) = (0_usize, false);
    for (at, byte) in line.bytes().enumerate().rev() {
        match byte {
            b'\'' => is_quoted = !is_quoted,
            b')' if !is_quoted => depth += 1,
            b'(' if !is_quoted => depth = depth.saturating_sub(1),
            b' ' if depth == 0 && !is_quoted => return (&line[..at], &line[at + 1..]),
            _ => {}
        }
    }
    (line, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_where_types_begin() {
        for (line, name, ty) in [
            ("day Date", "day", "Date"),
            ("min(a, b) Nullable(Decimal(38, 2))", "min(a, b)", "Nullable(Decimal(38, 2))"),
            (
                "net revenue DateTime64(3, 'Europe (x) y')",
                "net revenue",
                "DateTime64(3, 'Europe (x) y')",
            ),
            ("alone", "alone", ""),
        ] {
            assert_eq!(name_and_type(line), (name, ty));
        }
    }

    #[test]
    fn another_text_is_none() {
        for text in [
            "",
            "Expression (Projection)",
            "QUERY id: 0\nQUERY id: 1",
            "QUERY id: 0\n      LIST id: 1",
            "\u{e4}\n \u{e4}",
        ] {
            assert!(Tree::parse(text).is_none(), "{text}");
        }
        let deep: String =
            (0..1000).map(|depth| format!("{}LIST id: {depth}\n", "  ".repeat(depth))).collect();
        assert!(Tree::parse(&deep).is_none());
    }
}
