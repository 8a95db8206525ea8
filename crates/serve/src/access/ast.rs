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
//! the gate refuses names that cannot be told.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Node<'a> {
    depth: usize,
    /// The first word.
    pub(super) kind: &'a str,
    /// What follows it, with its blanks.
    rest: &'a str,
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
        let nodes = printed.lines().filter(|line| !line.trim().is_empty()).map(|line| {
            let label = line.trim_start_matches(' ');
            let label = without(label, " (children ");
            let label = without(label, " (alias ");
            let (kind, rest) = label.split_once(' ').unwrap_or((label, ""));
            Node { depth: line.len() - line.trim_start_matches(' ').len(), kind, rest }
        });
        Ast { nodes: nodes.collect() }
    }

    pub(super) fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    pub(super) fn kind(&self) -> &'a str {
        self.nodes.first().map_or("", |node| node.kind)
    }

    pub(super) fn parent(&self, of: usize) -> Option<usize> {
        let depth = self.nodes[of].depth;
        self.nodes[..of].iter().rposition(|node| node.depth < depth)
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

/// The label before its last `mark…)`.
fn without<'a>(label: &'a str, mark: &str) -> &'a str {
    match label.rfind(mark) {
        Some(at) if label.ends_with(')') => &label[..at],
        _ => label,
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
}
