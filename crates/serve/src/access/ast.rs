//! What the engine's own parser makes of a statement, read from `EXPLAIN AST`. Comments, quoting,
//! letter case and parameters are resolved there as they will be when it runs.
//!
//! ```text
//! SelectWithUnionQuery (children 1)
//!  ExpressionList (children 1)
//!   …
//!      TableIdentifier shop.orders (alias o)
//! ```
//!
//! The print has no quotes, so a name with a blank, a dot or a line break could be taken for another:
//! the gate refuses names that cannot be told. An alias may hold anything (``AS `a (alias b` ``), so a
//! label ends at its first mark, and no name may hold one.

use std::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Node<'a> {
    depth: usize,
    /// The first word.
    pub(super) kind: &'a str,
    /// What follows it, with its blanks.
    rest: &'a str,
    pub(super) alias: Option<&'a str>,
    parent: Option<usize>,
}

impl<'a> Node<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.rest.trim_start()
    }
}

pub(super) struct Ast<'a> {
    nodes: Vec<Node<'a>>,
}

impl<'a> Ast<'a> {
    pub(super) fn new(printed: &'a str) -> Ast<'a> {
        let mut nodes: Vec<Node<'a>> = Vec::new();
        // Those above the next line.
        let mut above: Vec<usize> = Vec::new();
        for line in printed.lines().filter(|line| !line.trim().is_empty()) {
            let label = line.trim_start_matches(' ');
            let depth = line.len() - label.len();
            let (kind, _) = label.split_once(' ').unwrap_or((label, ""));
            // The text of a literal may look like a mark, and all of it is looked at.
            let (label, alias) = if kind == "Literal" { (label, None) } else { marks(label) };
            let rest = label[kind.len()..].strip_prefix(' ').unwrap_or("");
            while above.last().is_some_and(|last| nodes[*last].depth >= depth) {
                above.pop();
            }
            let parent = above.last().copied();
            above.push(nodes.len());
            nodes.push(Node { depth, kind, rest, alias, parent });
        }
        Ast { nodes }
    }

    pub(super) fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    pub(super) fn kind(&self) -> &'a str {
        self.nodes.first().map_or("", |node| node.kind)
    }

    pub(super) fn parent(&self, of: usize) -> Option<usize> {
        self.nodes[of].parent
    }

    /// Names and what they are called in the statement: `a AS b` is a of b.
    pub(super) fn aliased(&self) -> BTreeMap<&'a str, Vec<&'a str>> {
        let mut names = BTreeMap::<_, Vec<_>>::new();
        for node in self.nodes.iter().filter(|node| node.kind == "Identifier") {
            if let Some(alias) = node.alias {
                names.entry(alias).or_default().push(node.name());
            }
        }
        names
    }

    pub(super) fn children(&self, of: usize) -> impl Iterator<Item = (usize, &Node<'a>)> {
        let depth = self.nodes[of].depth;
        let inside = self.nodes.iter().enumerate().skip(of + 1);
        inside.take_while(move |(_, n)| n.depth > depth).filter(move |(_, n)| n.depth == depth + 1)
    }

    /// Names right below the statement itself.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let named = self.children(0).filter(|(_, node)| node.kind == "Identifier");
        named.map(|(_, node)| node.name()).collect()
    }

    /// What the statement's own line says it is about: database and table, each if it is named.
    /// `CreateQuery shop orders`, `DropQuery  orders`, `DropQuery shop `, `CreateQuery orders`.
    pub(super) fn target(&self) -> Option<(Option<&'a str>, Option<&'a str>)> {
        let some = |name: &'a str| (!name.is_empty()).then_some(name);
        let parts: Vec<&str> = self.nodes.first()?.rest.split(' ').collect();
        match parts.as_slice() {
            [table] => Some((None, some(table))),
            [database, table] => Some((some(database), some(table))),
            _ => None,
        }
    }
}

pub(super) const ALIAS: &str = " (alias ";
pub(super) const CHILDREN: &str = " (children ";

/// A label without what the print puts behind it, and its alias.
fn marks(label: &str) -> (&str, Option<&str>) {
    let label = label.split(CHILDREN).next().unwrap_or(label);
    match label.split_once(ALIAS) {
        Some((label, alias)) => (label, Some(alias.strip_suffix(')').unwrap_or(alias))),
        None => (label, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_have_kinds_names_and_places() {
        let printed = "InsertQuery   (children 3)\n Identifier pub\n Identifier t\n \
                       SelectQuery (children 1)\n  TableIdentifier pub.t (alias x)\n";
        let ast = Ast::new(printed);
        assert_eq!(ast.kind(), "InsertQuery");
        assert_eq!(ast.names(), ["pub", "t"]);
        assert_eq!(ast.nodes()[4].name(), "pub.t");
        assert_eq!(ast.parent(4), Some(3));
        assert_eq!(ast.children(3).count(), 1);
        let target = |line: &'static str| Ast::new(line).target();
        assert_eq!(target("AlterQuery pub t (children 3)"), Some((Some("pub"), Some("t"))));
        assert_eq!(target("DropQuery  t (children 1)"), Some((None, Some("t"))));
        assert_eq!(target("DropQuery a  (children 1)"), Some((Some("a"), None)));
        assert_eq!(target("CreateQuery x (children 3)"), Some((None, Some("x"))));
        assert_eq!(target("DropQuery a b c (children 2)"), None);
    }

    #[test]
    fn an_alias_does_not_become_a_part_of_the_name() {
        let printed = "Function file (alias a (alias b) (children 1)\n ExpressionList (children 2)\n  \
                       Literal 'x (alias y' (alias z)\n  Identifier t (alias u (v))\n";
        let ast = Ast::new(printed);
        assert_eq!((ast.nodes()[0].name(), ast.nodes()[0].alias), ("file", Some("a (alias b")));
        assert_eq!(ast.nodes()[2].name(), "'x (alias y' (alias z)");
        assert_eq!(ast.aliased(), [("u (v)", vec!["t"])].into());
        assert_eq!((ast.parent(3), ast.parent(1), ast.parent(0)), (Some(1), Some(0), None));
    }
}
