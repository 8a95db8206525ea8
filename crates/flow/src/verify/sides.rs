//! The statements of the two sides, from one description of a table.
//!
//! ```text
//! inner   c0, c1, …   each column's text      (OFFSET 0 keeps it apart: computed once)
//! outer   sums        range of the key; count, and sum of the row's hash: 64 bits of md5
//!         rows        hash of the key, hash of the row, in some ranges
//!         keys        hash of the key, the key
//! ```

use super::canon::{self, Canon, Shape};
use super::narrow::Keeps;
use super::rules;
use model::{Error, Mode, Result};
use source::client::quoted;
use store::ddl::{ident, literal, name};
use store::history::current;
use store::{Store, Target};

/// A table is looked at in this many ranges of keys. A prime: keys that are multiples of a power of
/// two still spread.
const RANGES: u32 = 4093;
/// A key is shown with at most this many characters.
const SHOWN_CHARS_MAX: u32 = 200;
/// Of a row without a key, this many columns are shown.
const SHOWN_COLUMNS_MAX: usize = 8;

/// How the store prints.
pub(super) const PRINTED: &str = "SETTINGS output_format_decimal_trailing_zeros = 0";

pub(super) struct Sides {
    pub(super) columns: Vec<Canon>,
    /// Indexes into `columns`. Empty: the whole row is its own key.
    pub(super) key: Vec<usize>,
    utf8: bool,
    pub(super) from: String,
    pub(super) filter: Option<String>,
    view: String,
    shown: (String, String),
    /// What differs although all is well.
    pub(super) keeps: Keeps,
    /// Columns that are not compared.
    pub(super) left_out: Vec<String>,
}

/// What to ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ask<'a> {
    /// `range, count, sum` of every range.
    Sums,
    /// `key hash, row hash` of every row in these ranges.
    Rows(&'a [String]),
    /// `key hash, key` as a person reads it, of these hashes.
    Keys(&'a [i64]),
}

impl Sides {
    /// `from` is the table as a FROM clause of Postgres names it.
    pub(super) fn new(
        target: &Target,
        from: String,
        filter: Option<String>,
        utf8: bool,
    ) -> Result<Sides> {
        let table = &target.table;
        let (mut columns, mut left_out, mut compared) = (Vec::new(), Vec::new(), Vec::new());
        for column in &target.columns {
            let (source, rule) = (&table.columns[column.source], table.rule(column.source));
            match canon::column(source, column, rule, utf8) {
                Some(canon) => {
                    columns.push(canon);
                    compared.push(column);
                }
                None => left_out.push(format!("{} ({})", column.name, column.clickhouse)),
            }
        }
        if columns.is_empty() {
            return Err(Error::definite("cannot compare any column")
                .detail("No way is known to compare the types that they have in the store."));
        }
        let place = |&source: &usize| compared.iter().position(|c| c.source == source);
        let key: Option<Vec<usize>> = table.key.iter().map(place).collect();
        let key = match (key, target.mode) {
            (Some(key), _) => key,
            // An append table may leave out its key.
            (None, Mode::Append) => Vec::new(),
            (None, Mode::Mirror | Mode::History) => {
                return Err(Error::definite("cannot compare the key")
                    .detail("No way is known to compare the type that it has in the store."));
            }
        };
        let show: Vec<usize> = match key.is_empty() {
            true => (0..compared.len().min(SHOWN_COLUMNS_MAX)).collect(),
            false => key.clone(),
        };
        let shown: Vec<_> = show.iter().map(|&at| compared[at]).collect();
        let shown_source: Vec<String> = shown
            .iter()
            .map(|column| {
                let name = quoted(&table.columns[column.source].name);
                format!("concat({name})")
            })
            .collect();
        let shown_store: Vec<String> = shown
            .iter()
            .map(|column| match table.columns[column.source].pg {
                model::PgType::Bytea => {
                    format!("concat('\\\\x', lower(hex({})))", ident(&column.name))
                }
                _ => format!("toString({})", ident(&column.name)),
            })
            .map(|text| format!("ifNull({text}, '')"))
            .collect();
        Ok(Sides {
            columns,
            key,
            utf8,
            from,
            filter,
            view: match target.mode {
                Mode::Mirror | Mode::Append => name(&target.name),
                Mode::History => current(target),
            },
            shown: (
                format!("left(concat_ws(', ', {}), {SHOWN_CHARS_MAX})", shown_source.join(", ")),
                format!(
                    "substringUTF8(arrayStringConcat([{}], ', '), 1, {SHOWN_CHARS_MAX})",
                    shown_store.join(", ")
                ),
            ),
            keeps: Keeps::of(target),
            left_out,
        })
    }

    /// Asks the store what the defaults look like there.
    pub(super) async fn look_up_defaults(&mut self, store: &dyn Store) -> Result<()> {
        for column in &mut self.columns {
            let Some(default) = column.default.take() else { continue };
            // It may be empty, and an empty line is no row.
            let sql = format!("SELECT concat('=', {default}) {PRINTED}");
            let rows = store.query(&sql).await?;
            let field = rows.first().and_then(|row| row.first()?.as_deref()?.strip_prefix('='));
            let text = field.ok_or_else(|| Error::bug("a default does not read back"))?;
            column.postgres = rules::with_default(&column.postgres, text);
        }
        Ok(())
    }

    pub(super) fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    /// Whole numbers make ranges by their remainder; anything else by its hash.
    fn by_remainder(&self) -> Option<&str> {
        match self.key.as_slice() {
            [only] => self.columns[*only].integer.as_deref(),
            _ => None,
        }
    }

    /// `pages` is a condition on `ctid`: the part of the table that is read.
    pub(super) fn postgres(&self, ask: Ask<'_>, pages: Option<&str>) -> String {
        let mut inner: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| format!("{} AS c{at}", column.postgres))
            .collect();
        if matches!(ask, Ask::Keys(_)) {
            inner.push(format!("{} AS d", self.shown.0));
        }
        let filter = self.filter.as_ref().map(|filter| format!("({filter})"));
        let conditions: Vec<&str> = filter.as_deref().into_iter().chain(pages).collect();
        let filter = match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        };
        let inner = format!("SELECT {} FROM {}{filter} OFFSET 0", inner.join(", "), self.from);
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let row = self.postgres_md5(&all);
        let key = match self.has_key() {
            true => self.postgres_md5(&self.key),
            false => row.clone(),
        };
        let range = match self.by_remainder() {
            Some(_) => format!("(c{} % {RANGES})", self.key[0]),
            None => format!("left({key}, 3)"),
        };
        let bits = postgres_bits;
        match ask {
            Ask::Sums if self.has_key() => format!(
                "SELECT g::text, count(*), sum({})::text FROM \
                 (SELECT {range} AS g, {row} AS h FROM ({inner}) i OFFSET 0) m GROUP BY g",
                bits("h")
            ),
            // The row's hash is its key's, and dear: once is enough.
            Ask::Sums => format!(
                "SELECT left(h, 3), count(*), sum({})::text FROM \
                 (SELECT {row} AS h FROM ({inner}) i OFFSET 0) m GROUP BY left(h, 3)",
                bits("h")
            ),
            // Only rows of the ranges are hashed whole.
            Ask::Rows(ranges) => {
                let ranges: Vec<String> = ranges.iter().map(|range| format!("'{range}'")).collect();
                format!(
                    "SELECT {}, {} FROM ({inner}) i WHERE {range} IN ({})",
                    bits(&key),
                    bits(&row),
                    ranges.join(", ")
                )
            }
            Ask::Keys(hashes) => format!(
                "SELECT k, d FROM (SELECT {} AS k, d FROM ({inner}) i OFFSET 0) m WHERE k IN ({})",
                bits(&key),
                numbers(hashes)
            ),
        }
    }

    pub(super) fn postgres_md5(&self, columns: &[usize]) -> String {
        let mut arguments = Vec::new();
        for &at in columns {
            let name = format!("c{at}");
            match self.columns[at].shape {
                Shape::Word => arguments.extend([name, "'|'".to_owned()]),
                Shape::Text => {
                    arguments.extend([canon::bytes(&name, self.utf8), "':'".to_owned(), name]);
                }
            }
        }
        // NULL adds nothing to a `concat`, which takes a hundred arguments at most.
        let pieces: Vec<String> =
            arguments.chunks(90).map(|some| format!("concat({})", some.join(", "))).collect();
        let whole = pieces.join(" || ");
        match self.utf8 {
            true => format!("md5({whole})"),
            false => format!("md5(convert_to({whole}, 'UTF8'))"),
        }
    }

    pub(super) fn clickhouse(&self, ask: Ask<'_>) -> String {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let mut inner = vec![format!("{} AS millrace_h", self.clickhouse_md5(&all))];
        let mut key = "millrace_h";
        if self.has_key() {
            inner.push(format!("{} AS millrace_k", self.clickhouse_md5(&self.key)));
            key = "millrace_k";
        }
        let range = match self.by_remainder() {
            Some(column) => {
                inner.push(format!("{column} % {RANGES} AS millrace_m"));
                "toString(millrace_m)".to_owned()
            }
            None => format!("substring(lower(hex({key})), 1, 3)"),
        };
        if matches!(ask, Ask::Keys(_)) {
            inner.push(format!("{} AS millrace_d", self.shown.1));
        }
        let from = format!("(SELECT {} FROM {})", inner.join(", "), self.view);
        let bits = clickhouse_bits;
        let settings = PRINTED;
        match ask {
            Ask::Sums => format!(
                "SELECT {range} AS millrace_r, count(), toString(sum(toInt128({}))) \
                 FROM {from} GROUP BY millrace_r {settings}",
                bits("millrace_h")
            ),
            Ask::Rows(ranges) => {
                let ranges: Vec<String> = ranges.iter().map(|range| literal(range)).collect();
                format!(
                    "SELECT arrayStringConcat(groupArray(concat(hex(substring({key}, 1, 8)), \
                     hex(substring(millrace_h, 1, 8))))) FROM {from} \
                     WHERE {range} IN ({}) GROUP BY {range} {settings}",
                    ranges.join(", ")
                )
            }
            Ask::Keys(hashes) => format!(
                "SELECT toString({k}) AS millrace_t, any(millrace_d) FROM {from} \
                 WHERE {k} IN ({}) GROUP BY millrace_t {settings}",
                numbers(hashes),
                k = bits(key)
            ),
        }
    }

    pub(super) fn clickhouse_md5(&self, columns: &[usize]) -> String {
        let texts: Vec<&str> =
            columns.iter().map(|&at| self.columns[at].clickhouse.as_str()).collect();
        match texts.as_slice() {
            [only] => format!("MD5({only})"),
            _ => format!("MD5(concat({}))", texts.join(", ")),
        }
    }
}

/// The first 64 bits of an md5, as a number.
pub(super) fn postgres_bits(hash: &str) -> String {
    format!("('x' || left({hash}, 16))::bit(64)::int8")
}

pub(super) fn clickhouse_bits(hash: &str) -> String {
    format!("reinterpretAsInt64(reverse(substring({hash}, 1, 8)))")
}

fn numbers(hashes: &[i64]) -> String {
    hashes.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
