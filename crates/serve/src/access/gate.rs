//! The fence in front: what a limited user's statement may be, decided from the engine's own parse
//! before it runs, by [lists](super::lists) of what is allowed.
//!
//! ```text
//! text ─▶ EXPLAIN AST ─▶ kind of statement ─▶ functions ─▶ tables that it reads ─▶ its target
//! ```
//!
//! A grant on columns is enforced by the engine alone (see [`super::fence`]): which column a name
//! means only it knows. Everything else is asked twice.

use super::ast::{Ast, Node};
use super::book::Rights;
use super::functions::Functions;
use super::grant::ident;
use super::known::Known;
use super::lists::{
    ALTERS, ENGINES, EXISTS, IGNORE_SET, IN, INFORMATION_SCHEMA, OWN, READ, SYSTEM, WRITE,
};
use super::needs;
use super::words::Words;
use crate::clickhouse::error::Failure;
use std::collections::BTreeSet;
use store::embedded::Session;

type Result<T> = std::result::Result<T, Failure>;

pub(super) struct Gate<'a> {
    pub(super) rights: &'a Rights,
    pub(super) functions: &'a Functions,
    pub(super) known: Known<'a>,
    /// Where names without a database are.
    pub(super) current: String,
}

pub(super) fn denied(text: impl AsRef<str>) -> Failure {
    Failure::new(497, "ACCESS_DENIED", format!("Not enough privileges. {}", text.as_ref()))
}

impl Gate<'_> {
    /// Reads the statement by the engine's parser and checks it.
    pub(super) fn check(
        &self,
        session: &mut Session,
        text: &str,
        params: &[(String, String)],
        has_settings: bool,
    ) -> Result<()> {
        let words = Words::new(text);
        if words.has_strange_name() || words.takes_strange_name(params) {
            return Err(unclear());
        }
        let reads = self.check_count(session, text)?;
        let answer = session.query_and_keep(&format!("EXPLAIN AST {text}"), "TSVRaw", params)?;
        let printed = String::from_utf8_lossy(answer.bytes()).into_owned();
        drop(answer);
        let ast = Ast::new(&printed);
        self.check_seen(&ast, reads, has_settings)?;
        self.check_filters(&ast, &words)?;
        self.check_ast(&ast, &words)
    }

    /// What the text said is told by the engine's parse as well: files of the server's, whose names
    /// are printed beside the statement, settings, and that what only reads does.
    fn check_seen(&self, ast: &Ast<'_>, reads: bool, has_settings: bool) -> Result<()> {
        const WITH_FILES: [&str; 3] = ["SelectWithUnionQuery", "Explain", "InsertQuery"];
        for (at, node) in ast.nodes().iter().enumerate() {
            let beside = |kind: &str| ast.children(at).any(|(_, child)| child.kind == kind);
            if WITH_FILES.contains(&node.kind) && beside("Literal") {
                return Err(denied("INTO OUTFILE and FROM INFILE reach files of the server."));
            }
            if node.kind == "Set" && !has_settings {
                return Err(unclear());
            }
        }
        let may_set = matches!(ast.kind(), "Set" | "UseQuery");
        let only_reads = READ.contains(&ast.kind()) || EXISTS.contains(&ast.kind());
        match reads || may_set || !(only_reads || self.rights.only_reads()) {
            true => Ok(()),
            false => Err(denied("To change something one needs a grant.")),
        }
    }

    /// The engine works PREWHERE out before a filter, and takes a filter by what a table is called.
    fn check_filters(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        let has_dot = |at: usize| {
            let of_table =
                ast.parent(at).is_some_and(|at| ast.nodes()[at].kind == "TableExpression");
            of_table && ast.nodes()[at].alias.is_some_and(|alias| alias.contains('.'))
        };
        let gets_by = words.has("PREWHERE") || (0..ast.nodes().len()).any(has_dot);
        match gets_by && !self.rights.filters.is_empty() {
            true => Err(denied(
                "With a row filter in force there is no PREWHERE, and no alias of a table has a dot: \
                 use WHERE.",
            )),
            false => Ok(()),
        }
    }

    /// Behind EXPLAIN, too, a second statement would be run. So it is exactly one by the engine's own
    /// count, which is 0 where it cannot parse all of the text.
    /// Answers whether the engine says that it only reads.
    fn check_count(&self, session: &mut Session, text: &str) -> Result<bool> {
        let class = session.classify(text, &self.current);
        match class.map_or(0, |class| class.statements) {
            1 => Ok(class.is_some_and(|class| class.reads_only)),
            0 => {
                // Parses and runs nothing: for the parser's own words.
                let parse = format!("SELECT formatQuery({})", store::ddl::literal(text));
                session.query_and_keep(&parse, "Null", &[])?;
                Err(Failure::syntax("Syntax error: the statement cannot be read"))
            }
            _ => Err(Failure::syntax("Syntax error (Multi-statements are not allowed)")),
        }
    }

    fn check_ast(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        self.check_functions(ast, words)?;
        self.check_tables(ast)?;
        let kind = ast.kind();
        if kind == "Explain" {
            let inside = ast.nodes().get(1).map_or("", |node| node.kind);
            return match READ[..3].contains(&inside) {
                true => Ok(()),
                false => Err(denied("Only a SELECT can be explained.")),
            };
        }
        if kind.starts_with("Show") && words.has_mark(b'(') {
            return Err(denied("A SHOW with an expression is for admins: ask system.tables."));
        }
        if EXISTS.contains(&kind) || kind.starts_with("ShowCreate") {
            return self.check_shown(ast);
        }
        self.check_later(ast, words)?;
        match kind {
            "UseQuery" => self.check_database(ast.names().first().copied().unwrap_or_default()),
            kind if READ.contains(&kind) => Ok(()),
            _ if self.rights.only_reads() => Err(denied("To change something one needs a grant.")),
            "CreateQuery" => self.check_create(ast, words),
            "Rename" => self.check_rename(ast),
            "SYSTEM" => self.check_system(ast, words),
            "InsertQuery" => self.check_insert(ast),
            kind => match WRITE.iter().find(|(known, _)| *known == kind) {
                Some((_, privilege)) => self.check_write(ast, words, privilege),
                None => Err(denied("This kind of statement is for admins.")),
            },
        }
    }

    fn check_functions(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        let refused = |name: &str| {
            denied(format!(
                "The function {name} is for admins (a column of that name: table.{name})."
            ))
        };
        if !words.applies_by_name() {
            return Err(denied(
                "APPLY takes a function by its name, perhaps with literals: no lambda (a column of that \
                 name: `apply`).",
            ));
        }
        let named = words.names().find(|name| self.functions.refuses(name));
        for (at, node) in ast.nodes().iter().enumerate() {
            let parent = ast.parent(at).map(|at| ast.nodes()[at]);
            match node.kind {
                "Function" | "FunctionWithKeyValueArguments" => {
                    let name = node.name();
                    if !is_plain(name) {
                        return Err(unclear());
                    }
                    let of_table = matches!(
                        parent.map(|node| node.kind),
                        Some("TableExpression" | "InsertQuery" | "CreateQuery")
                    );
                    if of_table && !Functions::makes_a_table(name) {
                        return Err(denied(format!("The table function {name} is for admins.")));
                    }
                    let list = ast.children(at).next();
                    let first = list.and_then(|(list, _)| ast.children(list).next());
                    if let Some((_, first)) = first
                        && of_table
                        && Functions::may_hide_an_expression(name, first.kind, first.name())
                    {
                        let text = "A structure with expressions in it is for admins.";
                        return Err(denied(text));
                    }
                    if self.functions.refuses(name) {
                        return Err(refused(name));
                    }
                    if self.functions.is_of_dictionaries(name) {
                        self.check_dictionary(first.map(|(_, first)| first))?;
                    }
                }
                // A function as a value: `arrayMap(file, …)`.
                "Identifier" if self.functions.refuses(node.name()) => {
                    let list =
                        ast.parent(at).filter(|at| ast.nodes()[*at].kind == "ExpressionList");
                    let of = list.and_then(|at| ast.parent(at)).map(|at| ast.nodes()[at].kind);
                    if of == Some("Function") {
                        return Err(refused(node.name()));
                    }
                }
                // What it applies is not printed.
                "ColumnsApplyTransformer" => {
                    if let Some(name) = &named {
                        return Err(refused(name));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Its name as a literal: a bare one may be an alias of anything, and what comes out of the rest is not
    /// known yet.
    fn check_dictionary(&self, named: Option<&Node<'_>>) -> Result<()> {
        if !self.rights.filters.is_empty() {
            return Err(denied(
                "With a row filter in force there are no dictionaries: they have none.",
            ));
        }
        let literal = named.filter(|node| node.kind == "Literal").map(Node::name);
        let name = literal.and_then(|text| text.strip_prefix('\'')?.strip_suffix('\''));
        let place = name.filter(|name| !name.contains('\\')).and_then(|name| split(name).ok());
        let may = match place {
            Some((database, table)) => {
                let database = database.unwrap_or(&self.current);
                !OWN.contains(&database)
                    && self.rights.allow("dictGet", Some(database), Some(table))
            }
            None => self.rights.allow("dictGet", None, None),
        };
        match may {
            true => Ok(()),
            false => Err(denied(
                "It's necessary to have the grant dictGet on the dictionary, which is named as a text.",
            )),
        }
    }

    fn check_tables(&self, ast: &Ast<'_>) -> Result<()> {
        let (mut read, mut maybe) = (BTreeSet::new(), BTreeSet::new());
        for (at, node) in ast.nodes().iter().enumerate() {
            match node.kind {
                // Those of `DROP TABLE a, b` are targets.
                "TableIdentifier" if ast.kind() != "DropQuery" => drop(read.insert(node.name())),
                "Function" if is_in(node.name()) => {
                    let list = ast.children(at).next();
                    let second = list.and_then(|(list, _)| ast.children(list).nth(1));
                    let second = second.filter(|(_, node)| node.kind == "Identifier");
                    maybe.extend(second.map(|(_, node)| node.name()));
                }
                _ => {}
            }
        }
        // `WITH users AS u SELECT 1 IN u`, and names of names.
        let aliased = ast.aliased();
        let mut next: Vec<&str> = read.iter().chain(&maybe).copied().collect();
        let mut seen: BTreeSet<&str> = next.iter().copied().collect();
        while let Some(name) = next.pop() {
            for meant in aliased.get(name).into_iter().flatten().copied() {
                maybe.insert(meant);
                if seen.insert(meant) {
                    next.push(meant);
                }
            }
        }
        read.into_iter().try_for_each(|name| self.check_read(name))?;
        maybe.into_iter().try_for_each(|name| self.check_maybe_table(name))
    }

    fn check_read(&self, name: &str) -> Result<()> {
        match split(name)? {
            (Some(database), table) => self.check_place_read(database, table),
            // A subquery's name, a temporary table, or a table of the current database.
            (None, table) if self.may_read(&self.current, table) => {
                self.check_passed(&self.current, table)
            }
            (None, table) if self.known.has_table(&self.current, table)? => {
                Err(self.no_read(&self.current, table))
            }
            (None, _) => Ok(()),
        }
    }

    pub(super) fn check_place_read(&self, database: &str, table: &str) -> Result<()> {
        match self.may_read(database, table) {
            true => self.check_passed(database, table),
            false => Err(self.no_read(database, table)),
        }
    }

    /// `a IN b`: a column as a rule.
    fn check_maybe_table(&self, name: &str) -> Result<()> {
        let (database, table) = split(name)?;
        let database = database.unwrap_or(&self.current);
        match self.may_read(database, table) {
            true => self.check_passed(database, table),
            false if self.known.has_table(database, table)? => Err(self.no_read(database, table)),
            false => Ok(()),
        }
    }

    fn no_read(&self, database: &str, table: &str) -> Failure {
        denied(format!(
            "To execute this query, it's necessary to have the grant SELECT ON {}.{}",
            ident(database),
            ident(table)
        ))
    }

    fn may_read(&self, database: &str, table: &str) -> bool {
        match database {
            "system" => SYSTEM.contains(&table) || self.may_see_users(table),
            "information_schema" | "INFORMATION_SCHEMA" => {
                INFORMATION_SCHEMA.iter().any(|known| known.eq_ignore_ascii_case(table))
            }
            _ if OWN.contains(&database) => false,
            _ => self.rights.touches("SELECT", database, Some(table)),
        }
    }

    pub(super) fn has_filter(&self, database: &str, table: &str) -> bool {
        self.rights.filters.contains_key(&format!("{database}.{table}"))
    }

    /// dbt looks up what it has granted.
    fn may_see_users(&self, table: &str) -> bool {
        !self.rights.only_reads() && matches!(table, "grants" | "roles" | "role_grants")
    }

    fn check_shown(&self, ast: &Ast<'_>) -> Result<()> {
        let Some((database, table)) = ast.target() else { return Err(unclear()) };
        let database = database.unwrap_or(&self.current);
        let may = match table {
            None => return self.check_database(database),
            Some(table) => {
                self.may_read(database, table)
                    || (!OWN.contains(&database)
                        && self.rights.touches("SHOW", database, Some(table)))
            }
        };
        if may { Ok(()) } else { Err(self.no_read(database, table.unwrap_or_default())) }
    }

    pub(super) fn check_database(&self, database: &str) -> Result<()> {
        if !OWN.contains(&database) && sees_database(self.rights, database) {
            return Ok(());
        }
        Err(denied(format!("There is no grant on the database {}", ident(database))))
    }

    pub(super) fn may_write(
        &self,
        privilege: &str,
        database: &str,
        table: Option<&str>,
    ) -> Result<()> {
        let own = OWN.contains(&database)
            || matches!(database, "system" | "information_schema" | "INFORMATION_SCHEMA");
        // Under another name, or with other values, its rows would be there unfiltered.
        if privilege != "INSERT" && table.is_some_and(|table| self.has_filter(database, table)) {
            return Err(denied("Whom a row filter of a table is for may only read it and INSERT."));
        }
        if !own && self.rights.allow(privilege, Some(database), table) {
            return Ok(());
        }
        Err(denied(format!(
            "To execute this query, it's necessary to have the grant {privilege} ON {}.{}",
            ident(database),
            table.map_or("*".into(), ident)
        )))
    }

    fn check_insert(&self, ast: &Ast<'_>) -> Result<()> {
        match ast.names().as_slice() {
            [database, table] => self.may_write("INSERT", database, Some(table)),
            [table] => self.check_unqualified("INSERT", table),
            _ => Err(unclear()),
        }
    }

    /// A temporary table is the user's own.
    pub(super) fn check_unqualified(&self, privilege: &str, table: &str) -> Result<()> {
        match self.may_write(privilege, &self.current, Some(table)) {
            Err(refused) if self.known.has_table(&self.current, table)? => Err(refused),
            _ => Ok(()),
        }
    }

    fn check_write(&self, ast: &Ast<'_>, words: &Words<'_>, privilege: &str) -> Result<()> {
        self.check_definition(ast, words)?;
        let mut needs = BTreeSet::new();
        let altering = ast.nodes().iter().filter(|node| node.kind == "AlterCommand");
        for command in altering.map(|node| node.name()) {
            let known = ALTERS.iter().any(|start| command.starts_with(start));
            if !known || command == "MODIFY_SQL_SECURITY" {
                return Err(denied(format!("ALTER {} is for admins.", command.replace('_', " "))));
            }
            needs.extend(needs::of_alter(command, !words.has("DROP")));
        }
        if needs.is_empty() {
            needs.insert(privilege);
        }
        match ast.target() {
            Some((Some(database), None)) if privilege == "DROP" => {
                self.may_write("DROP DATABASE", database, None)
            }
            Some((database, Some(table))) if privilege == "DROP" => {
                self.check_dropped(database, table, words)
            }
            Some((Some(database), table)) => {
                needs.into_iter().try_for_each(|need| self.may_write(need, database, table))
            }
            Some((None, Some(table))) => {
                needs.into_iter().try_for_each(|need| self.check_unqualified(need, table))
            }
            // DROP of several.
            _ => {
                let several = ast.nodes().iter().filter(|node| node.kind == "TableIdentifier");
                let names: Vec<&str> = several.map(|node| node.name()).collect();
                if names.is_empty() || privilege != "DROP" {
                    return Err(unclear());
                }
                names.into_iter().try_for_each(|name| {
                    let (database, table) = split(name)?;
                    self.check_dropped(database, table, words)
                })
            }
        }
    }

    fn check_dropped(&self, database: Option<&str>, table: &str, words: &Words<'_>) -> Result<()> {
        let engine = self.known.engine_of(database.unwrap_or(&self.current), table)?;
        let word = if words.is(1, "TEMPORARY") { words.at(2) } else { words.at(1) };
        let privilege = needs::of_drop(engine.as_deref(), word);
        match database {
            Some(database) => self.may_write(privilege, database, Some(table)),
            None => self.check_unqualified(privilege, table),
        }
    }

    fn check_rename(&self, ast: &Ast<'_>) -> Result<()> {
        let names = ast.names();
        // Two names each when one of them has a database; else it cannot be told.
        if names.is_empty() || !names.len().is_multiple_of(4) {
            return Err(denied("Rename and exchange with full names: database.table."));
        }
        for pair in names.chunks(4) {
            let engine = self.known.engine_of(pair[0], pair[1])?;
            let other = self.known.engine_of(pair[2], pair[3])?;
            for (place, engine) in
                [(&pair[..2], &engine), (&pair[2..], other.as_ref().map_or(&engine, |_| &other))]
            {
                let dropped = needs::of_drop(engine.as_deref(), "TABLE");
                self.may_write(dropped, place[0], Some(place[1]))?;
                let created = if dropped == "DROP VIEW" { "CREATE VIEW" } else { "CREATE TABLE" };
                self.may_write(created, place[0], Some(place[1]))?;
            }
        }
        Ok(())
    }

    /// Views that refresh themselves are part of dbt's work.
    fn check_system(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        const OF_VIEWS: [&str; 5] = ["REFRESH", "WAIT", "CANCEL", "START", "STOP"];
        if !(OF_VIEWS.iter().any(|word| words.is(1, word)) && words.is(2, "VIEW")) {
            return Err(denied("SYSTEM is for admins."));
        }
        match ast.names().as_slice() {
            [database, table] => self.may_write("CREATE VIEW", database, Some(table)),
            [table] => self.may_write("CREATE VIEW", &self.current, Some(table)),
            _ => Err(unclear()),
        }
    }

    fn check_create(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        let what = words.created();
        self.check_definition(ast, words)?;
        match (what.as_str(), ast.target()) {
            ("TEMPORARY", Some((None, Some(_)))) => Ok(()),
            ("DATABASE", Some((Some(database), None))) => {
                let engines = ast.nodes().iter().enumerate().filter(|(_, n)| n.kind == "Storage");
                for (at, _) in engines {
                    if ast.children(at).any(|(_, n)| n.kind == "Function" && n.name() != "Atomic") {
                        return Err(denied("Databases of limited users have the engine Atomic."));
                    }
                }
                self.may_write("CREATE DATABASE", database, None)
            }
            ("TABLE" | "VIEW", Some((database, Some(table)))) => {
                let privilege = if what == "TABLE" { "CREATE TABLE" } else { "CREATE VIEW" };
                self.may_write(privilege, database.unwrap_or(&self.current), Some(table))
            }
            _ => Err(denied(format!("CREATE {what} is for admins."))),
        }
    }

    /// What a definition may hold: no engine that reaches out, nobody else's rights, no names of
    /// databases that its author cannot see (the print leaves some of them out).
    fn check_definition(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        let stores = ast.nodes().iter().enumerate().filter(|(_, node)| node.kind == "Storage");
        for (at, _) in stores {
            if let Some((_, first)) = ast.children(at).find(|(_, node)| node.kind == "Function")
                && words.created() != "DATABASE"
                && words.follows_engine(first.name())
            {
                check_engine(first.name())?;
            }
        }
        // The print leaves out that of a materialized view; a column may have that name, too.
        for engine in words.engines().iter().filter(|engine| self.functions.is_engine(engine)) {
            if words.created() != "DATABASE" {
                check_engine(engine)?;
            }
        }
        let of_definer = |node: &Node<'_>| node.kind == "View" && node.name() == "SQL Security";
        if ast.nodes().iter().any(of_definer) {
            return Err(denied("SQL SECURITY and DEFINER are for admins."));
        }
        for name in words.first_names() {
            let hidden = OWN.contains(&name.as_str()) || self.is_hidden(&name)?;
            if hidden {
                return Err(denied(format!("There is no grant on the database {}", ident(&name))));
            }
        }
        Ok(())
    }

    fn is_hidden(&self, database: &str) -> Result<bool> {
        if sees_database(self.rights, database) {
            return Ok(false);
        }
        self.known.has_database(database)
    }
}

/// Whether somebody may be there. In `main`, where everybody begins, there is nothing to see without
/// a grant; the server's own tables are let through one by one.
pub(super) fn sees_database(rights: &Rights, database: &str) -> bool {
    matches!(database, "main" | "system" | "information_schema" | "INFORMATION_SCHEMA")
        || rights.is_in(database)
}

fn check_engine(name: &str) -> Result<()> {
    match ENGINES.contains(&name) {
        true => Ok(()),
        false => Err(denied(format!("Tables of the engine {name} are for admins."))),
    }
}

pub(super) fn unclear() -> Failure {
    denied(
        "The name of what this is about cannot be told: names with dots or blanks are for admins.",
    )
}

pub(super) fn is_in(name: &str) -> bool {
    IN.contains(&name.strip_suffix(IGNORE_SET).unwrap_or(name))
}

/// A function of another name is none, or not all of its name.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `table`, `database.table`; a name with more dots or with blanks could be another.
pub(super) fn split(name: &str) -> Result<(Option<&str>, &str)> {
    if name.contains([' ', '(', ')']) {
        return Err(unclear());
    }
    match name.split_once('.') {
        None => Ok((None, name)),
        Some((_, table)) if table.contains('.') => Err(unclear()),
        Some((database, table)) => Ok((Some(database), table)),
    }
}
