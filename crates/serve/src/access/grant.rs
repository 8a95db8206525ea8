//! A grant: a privilege on a place. `SELECT(id, name) ON shop.users`.

use super::cursor::Cursor;
use super::privilege;
use crate::clickhouse::error::Failure;
use std::collections::BTreeSet;
use std::fmt;

type Result<T> = std::result::Result<T, Failure>;

/// `None` is `*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Grant {
    pub(crate) privilege: &'static str,
    /// Empty: all.
    pub(crate) columns: Vec<String>,
    pub(crate) database: Option<String>,
    pub(crate) table: Option<String>,
}

pub(crate) type Grants = BTreeSet<Grant>;

impl Grant {
    pub(super) fn new(privilege: &'static str, database: Option<&str>) -> Grant {
        let database = database.map(str::to_owned);
        Grant { privilege, columns: Vec::new(), database, table: None }
    }

    /// Whether all of that place is inside this one's.
    pub(super) fn holds_place(&self, database: Option<&str>, table: Option<&str>) -> bool {
        match (&self.database, &self.table) {
            (None, _) => true,
            (Some(own), None) => Some(own.as_str()) == database,
            (Some(own), Some(of_own)) => {
                Some(own.as_str()) == database && Some(of_own.as_str()) == table
            }
        }
    }

    /// Whether it allows the privilege, or a part of it, there. A list of columns counts: which
    /// columns it are is the engine's to check.
    pub(super) fn touches(&self, privilege: &str, database: &str, table: Option<&str>) -> bool {
        let related = privilege::covers(self.privilege, privilege)
            || privilege::covers(privilege, self.privilege);
        // A grant on a table lets nothing be done to its database.
        related && self.holds_place(Some(database), table)
    }

    /// Whether anything in the database is granted.
    pub(super) fn is_in(&self, database: &str) -> bool {
        self.database.as_deref().is_none_or(|own| own == database)
    }

    /// Whether revoking `self` takes `other` away.
    pub(super) fn takes_away(&self, other: &Grant) -> bool {
        privilege::covers(self.privilege, other.privilege)
            && self.holds_place(other.database.as_deref(), other.table.as_deref())
            && (self.columns.is_empty()
                || (!other.columns.is_empty()
                    && other.columns.iter().all(|column| self.columns.contains(column))))
    }

    /// Whether revoking `self` would leave a part of `other`.
    pub(super) fn takes_a_part_of(&self, other: &Grant) -> bool {
        privilege::covers(other.privilege, self.privilege)
            && other.holds_place(self.database.as_deref(), self.table.as_deref())
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.privilege)?;
        if !self.columns.is_empty() {
            let columns: Vec<String> = self.columns.iter().map(|name| ident(name)).collect();
            write!(f, "({})", columns.join(", "))?;
        }
        let part = |name: &Option<String>| name.as_deref().map_or("*".to_owned(), ident);
        write!(f, " ON {}.{}", part(&self.database), part(&self.table))
    }
}

/// They mean something else where a name may stand.
const WORDS: [&str; 16] = [
    "ALL",
    "AS",
    "CURRENT_USER",
    "DEFAULT",
    "EXCEPT",
    "FOR",
    "FROM",
    "IDENTIFIED",
    "IF",
    "NONE",
    "NOT",
    "ON",
    "OR",
    "TO",
    "USING",
    "WITH",
];

/// A name as ClickHouse prints it: in backticks where it needs them.
pub(super) fn ident(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_well = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    let is_word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(name));
    match starts_well && name.bytes().all(plain) && !is_word {
        true => name.to_owned(),
        false => store::ddl::ident(name),
    }
}

/// `SELECT(a), INSERT ON db.table`: everything between GRANT and TO. `current` is where a name
/// without a database is.
pub(super) fn read(cursor: &mut Cursor, current: &str) -> Result<Grants> {
    let mut wanted = Vec::new();
    loop {
        let mut words = Vec::new();
        let columns = loop {
            if cursor.takes_mark(b'(') {
                let columns = cursor.names()?;
                cursor.expect_mark(b')')?;
                break columns;
            }
            if !words.is_empty() && cursor.is_before(b',', "ON") {
                break Vec::new();
            }
            match cursor.any_word() {
                Some(word) => words.push(word),
                None => return Err(cursor.expected("a privilege")),
            }
        };
        let words = words.join(" ");
        let privilege = privilege::canonical(&words).ok_or_else(|| unknown(&words))?;
        if !columns.is_empty() && !privilege::takes_columns(privilege) {
            return Err(Failure::syntax(format!("Syntax error: {privilege} takes no columns")));
        }
        wanted.push((privilege, columns));
        if !cursor.takes_mark(b',') {
            break;
        }
    }
    cursor.expect("ON")?;
    let (database, table) = place(cursor, current)?;
    let of_databases = wanted.iter().find(|(privilege, _)| !privilege::takes_tables(privilege));
    if let (Some((privilege, _)), Some(_)) = (of_databases, &table) {
        let text = format!("{privilege} is of a whole database: ON database.*");
        return Err(Failure::bad_argument(text));
    }
    let grants = wanted.into_iter().map(|(privilege, mut columns)| {
        columns.sort();
        columns.dedup();
        Grant { privilege, columns, database: database.clone(), table: table.clone() }
    });
    let grants: Grants = grants.collect();
    if table.is_none() && grants.iter().any(|grant| !grant.columns.is_empty()) {
        return Err(Failure::syntax("Syntax error: columns need a table: ON database.table"));
    }
    Ok(grants)
}

/// Privileges of the whole server exist at ClickHouse, and are not granted one by one here.
fn unknown(words: &str) -> Failure {
    const OF_THE_SERVER: [&str; 16] = [
        "SYSTEM",
        "KILL",
        "BACKUP",
        "ACCESS MANAGEMENT",
        "ROLE ADMIN",
        "NAMED COLLECTION",
        "TABLE ENGINE",
        "SOURCES",
        "FILE",
        "URL",
        "S3",
        "CREATE FUNCTION",
        "CREATE USER",
        "INTROSPECTION",
        "SET DEFINER",
        "CREATE DICTIONARY",
    ];
    let of_server = OF_THE_SERVER.iter().any(|name| words.starts_with(name));
    match of_server || words.starts_with("READ") || words.starts_with("WRITE") {
        true => Failure::not_implemented(format!(
            "{words} is not granted by itself here: it is the admin's. GRANT admin TO …"
        )),
        false => Failure::syntax(format!("Syntax error: there is no privilege {words}")),
    }
}

fn place(cursor: &mut Cursor, current: &str) -> Result<(Option<String>, Option<String>)> {
    let part = |cursor: &mut Cursor| -> Result<Option<String>> {
        if cursor.takes_mark(b'*') {
            return Ok(None);
        }
        let name = cursor.name()?;
        if cursor.takes_mark(b'*') {
            let text = "names with a wildcard in a grant are not supported: name the database";
            return Err(Failure::not_implemented(text));
        }
        Ok(Some(name))
    };
    let first = part(cursor)?;
    if !cursor.takes_mark(b'.') {
        return Ok((Some(current.to_owned()), first));
    }
    let second = part(cursor)?;
    if first.is_none() && second.is_some() {
        return Err(Failure::syntax("Syntax error: *.table is no place"));
    }
    Ok((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<String>> {
        let mut cursor = Cursor::new(text)?;
        let grants = read(&mut cursor, "main")?;
        cursor.end()?;
        Ok(grants.iter().map(Grant::to_string).collect())
    }

    #[test]
    fn grants_are_read_and_printed_in_clickhouses_words() {
        assert_eq!(parse("select on shop.*").unwrap(), ["SELECT ON shop.*"]);
        assert_eq!(
            parse("SELECT(b, `a b`), insert ON `we ird`.t").unwrap(),
            ["INSERT ON `we ird`.t", "SELECT(`a b`, b) ON `we ird`.t"]
        );
        assert_eq!(parse("ALL PRIVILEGES ON *.*").unwrap(), ["ALL ON *.*"]);
        assert_eq!(parse("alter table ON t").unwrap(), ["ALTER TABLE ON main.t"]);
        let code = |text: &str| parse(text).unwrap_err().exception.code;
        assert_eq!(code("fake_privilege ON a.b"), 62);
        assert_eq!(code("SYSTEM ON *.*"), 48);
        assert_eq!(code("SELECT ON a*.*"), 48);
        assert_eq!(code("ALTER(x) ON a.b"), 62);
        assert_eq!(code("SELECT(x) ON a.*"), 62);
        assert_eq!(code("SELECT"), 62);
    }

    #[test]
    fn a_grant_holds_what_is_inside_its_place() {
        let grant = |text: &str| read(&mut Cursor::new(text).unwrap(), "main").unwrap();
        let grant = |text: &str| grant(text).into_iter().next().unwrap();
        let select = grant("SELECT ON shop.*");
        assert!(select.touches("SELECT", "shop", Some("orders")));
        assert!(!select.touches("SELECT", "other", Some("orders")));
        assert!(!select.touches("INSERT", "shop", Some("orders")));
        assert!(grant("ALTER ON shop.*").touches("ALTER UPDATE", "shop", Some("x")));
        assert!(grant("ALTER UPDATE ON shop.*").touches("ALTER", "shop", Some("x")));
        assert!(!grant("DROP ON shop.orders").touches("DROP", "shop", None));
        assert!(grant("ALL ON shop.*").takes_away(&grant("SELECT(a) ON shop.t")));
        assert!(!grant("SELECT ON shop.t").takes_away(&select));
        assert!(grant("SELECT ON shop.t").takes_a_part_of(&select));
    }
}
