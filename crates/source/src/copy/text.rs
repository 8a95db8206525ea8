//! A table's rows as the stream would bring them: each value in the text form of its type's output function,
//! put together as pgoutput's tuple.
//!
//! ```text
//! COPY (SELECT …) TO STDOUT ─▶ a CopyData a row ─▶ `1\tit is\\n…\t\N\n` ─▶ Tuple
//! ```

use super::rows::{LOOK_UP, Reader, unwanted};
use crate::client::quoted;
use crate::decode::tuple::Tuple;
use crate::wire::Filled;
use model::{Error, Result, Table};

impl Reader {
    /// All rows of the table, as [`crate::decode::tuple`] has them. It blocks: never on a thread of an async
    /// runtime. `is_wanted` is asked while the server says nothing.
    pub fn tuples(
        &mut self,
        table: &Table,
        predicate: Option<&str>,
        is_wanted: &dyn Fn() -> bool,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let doing = format!("read {}", table.name);
        self.session.simple_query("SAVEPOINT piece", &doing)?;
        let from = self.hold(table.id).map_err(|error| error.context(&doing))?;
        self.session.start_copy(&statement(table, &from, predicate), &doing)?;
        self.session.set_read_timeout(Some(LOOK_UP))?;
        let mut tuple = Tuple::default();
        loop {
            while let Some(frame) = self.session.next_frame()? {
                let body = self.session.body(&frame);
                match frame.tag {
                    b'd' => {
                        read(body, table.columns.len(), &mut tuple)
                            .map_err(|error| error.context(&doing))?;
                        take(tuple.bytes())?;
                    }
                    b'E' => return Err(self.session.refusal(&doing, body)),
                    b'Z' => {
                        self.session.set_read_timeout(None)?;
                        return self.session.simple_query("ROLLBACK TO piece", &doing).map(|_| ());
                    }
                    _ => {}
                }
            }
            if self.session.fill(&doing)? == Filled::Nothing && !is_wanted() {
                return Err(unwanted());
            }
        }
    }
}

fn statement(table: &Table, from: &str, predicate: Option<&str>) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| quoted(&column.name)).collect();
    let only = predicate.map(|predicate| format!(" WHERE ({predicate})")).unwrap_or_default();
    format!("COPY (SELECT {} FROM {from}{only}) TO STDOUT", columns.join(", "))
}

/// A line of COPY's text format, of which the server sends one a message.
fn read(line: &[u8], columns: usize, tuple: &mut Tuple) -> Result<()> {
    let broken = || Error::bug("a row of COPY has not the columns of its table");
    let line = line.strip_suffix(b"\n").ok_or_else(broken)?;
    tuple.begin(columns);
    let mut found = 0;
    // What is a tab in a value comes as `\t`.
    for field in line.split(|&byte| byte == b'\t') {
        found += 1;
        match field {
            b"\\N" => tuple.null(),
            plain if !plain.contains(&b'\\') => tuple.text(plain),
            escaped => tuple.write_text(|out| unescape(escaped, out)),
        }
    }
    if found == columns { Ok(()) } else { Err(broken()) }
}

fn unescape(field: &[u8], out: &mut Vec<u8>) {
    let mut bytes = field.iter();
    while let Some(&byte) = bytes.next() {
        out.push(match (byte, byte == b'\\') {
            (byte, false) => byte,
            (_, true) => match bytes.next() {
                Some(b'b') => 0x08,
                Some(b'f') => 0x0c,
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'v') => 0x0b,
                Some(&itself) => itself,
                None => b'\\',
            },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Field, tuple::fields};
    use model::{Column, PgType, TableId, TableName};

    #[test]
    fn lines_are_tuples_of_text() {
        let mut tuple = Tuple::default();
        let line = b"1\t\\N\t\tit\\\\N\\tis\\n\\b\\f\\r\\v\t\\\\xdead\n";
        read(line, 5, &mut tuple).unwrap();
        let expected: [Field; 5] = [
            Field::Text(b"1"),
            Field::Null,
            Field::Text(b""),
            Field::Text(b"it\\N\tis\n\x08\x0c\r\x0b"),
            Field::Text(b"\\xdead"),
        ];
        assert_eq!(fields(tuple.bytes()).unwrap(), expected);
        read(b"\n", 1, &mut tuple).unwrap();
        assert_eq!(fields(tuple.bytes()).unwrap(), [Field::Text(b"")]);
        assert!(read(b"1\t2\n", 1, &mut tuple).is_err() && read(b"1", 1, &mut tuple).is_err());
    }

    #[test]
    fn the_statement_names_columns_and_the_predicate() {
        let columns = ["id", "a\"b"].map(|name| Column::new(name, PgType::Int4)).to_vec();
        let table = Table::new(TableId(1), TableName::new("public", "t"), columns);
        let sql = |predicate| statement(&table, "ONLY public.t", predicate);
        let head = "COPY (SELECT \"id\", \"a\"\"b\" FROM ONLY public.t";
        assert_eq!(sql(None), format!("{head}) TO STDOUT"));
        assert_eq!(sql(Some("x or y")), format!("{head} WHERE (x or y)) TO STDOUT"));
    }
}
