//! Blocks as ClickHouse's Native format: one block, column after column.
//!
//! ```text
//! columns rows │ name type [null map] values │ name type … │ _version │ _deleted
//! ```
//!
//! Fixed columns are handed over as they lie in memory. We send the natural type of a column; where
//! the table has another one, the engine converts.

mod read;

pub(crate) use read::cells;

use crate::ddl;
use crate::history;
use crate::target::{Target, TargetColumn};
use model::{Block, Cells, Error, Kind, Mode, OnUpdate, Op, Result};

/// Small pieces are gathered up to this before they are handed on.
const PIECE_BYTES: usize = 256 << 10;

/// The columns that [`encode`] sends, quoted, in its order.
pub(crate) fn column_names(target: &Target) -> Vec<String> {
    let names = target.columns.iter().map(|column| ddl::ident(&column.name));
    names.chain(ddl::own_columns(target).into_iter().map(|(name, _)| name.to_owned())).collect()
}

/// Hands the encoded block to `sink`, piece by piece.
pub(crate) fn encode(
    target: &Target,
    block: &Block,
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let own = ddl::own_columns(target).len();
    let mut out = Pieces { buffer: Vec::with_capacity(PIECE_BYTES + 64), sink };
    out.varint((target.columns.len() + own) as u64);
    out.varint(block.rows() as u64);
    for column in &target.columns {
        let cells = &block.columns[column.source];
        out.text(&column.name);
        if let Some(text) = fallback_text(column) {
            out.text(&cells.kind().clickhouse(false));
            texts_without_null(cells, text.as_bytes(), &mut out)?;
            continue;
        }
        out.text(&cells.kind().clickhouse(column.nullable));
        if column.is_json() {
            // What is empty (a deleted row's, one that was NULL) is an object without fields.
            texts(cells, b"{}", &mut out)?;
            continue;
        }
        nulls(column, cells, &mut out)?;
        values(cells, &mut out)?;
    }
    match target.mode {
        Mode::Mirror => {
            out.text("_version");
            out.text("UInt128");
            for version in &block.versions {
                out.bytes(&version.0.to_le_bytes())?;
            }
            out.text("_deleted");
            out.text("UInt8");
            for op in &block.ops {
                out.bytes(&[u8::from(matches!(op, Op::Delete | Op::Refused))])?;
            }
        }
        Mode::History => change(target, block, &mut out)?,
        Mode::Append => {
            out.text("_lsn");
            out.text("UInt64");
            for version in &block.versions {
                out.bytes(&version.commit().0.to_le_bytes())?;
            }
            if target.on_update == OnUpdate::Apply {
                out.text("_version");
                out.text("UInt128");
                for version in &block.versions {
                    out.bytes(&version.0.to_le_bytes())?;
                }
            }
        }
    }
    out.flush()
}

/// What a history says of each change.
fn change(target: &Target, block: &Block, out: &mut Pieces<'_>) -> Result<()> {
    out.text("_op");
    out.text("String");
    for (op, version) in block.ops.iter().zip(&block.versions) {
        let name = history::op_name(*op, *version);
        out.varint(name.len() as u64);
        out.bytes(name.as_bytes())?;
    }
    out.text("_commit_time");
    out.text("DateTime64(6, 'UTC')");
    for row in 0..block.rows() {
        out.bytes(&block.committed_us(row).to_le_bytes())?;
    }
    out.text("_version");
    out.text("UInt128");
    for version in &block.versions {
        out.bytes(&version.0.to_le_bytes())?;
    }
    if history::key_before(target).is_none() {
        return Ok(());
    }
    let kinds = target.table.key.iter().map(|&at| block.columns[at].kind());
    let types: Vec<String> = kinds.clone().map(|kind| kind.clickhouse(true)).collect();
    out.text("_key_before");
    out.text(&format!("Tuple({})", types.join(", ")));
    if !block.before.is_empty() {
        for cells in &block.before {
            null_map(cells, out)?;
            values(cells, out)?;
        }
        return Ok(());
    }
    for kind in kinds {
        let mut none = Cells::new(kind.clone());
        (0..block.rows()).for_each(|_| none.push_null());
        null_map(&none, out)?;
        values(&none, out)?;
    }
    Ok(())
}

/// What stands for NULL among the texts of a column.
fn fallback_text(column: &TargetColumn) -> Option<&str> {
    column.default.as_ref()?.text.as_deref()
}

/// Whether the engine puts a column's default in the place of NULL. It would do so with the type's
/// own zero, too, in columns without a default: see [`crate::fit`].
pub(crate) fn needs_defaults(target: &Target) -> bool {
    let of_engine =
        |column: &TargetColumn| column.default.is_some() && fallback_text(column).is_none();
    target.columns.iter().any(of_engine)
}

fn nulls(column: &TargetColumn, cells: &Cells, out: &mut Pieces<'_>) -> Result<()> {
    if column.nullable {
        return null_map(cells, out);
    }
    // What ClickHouse has no NULL of is empty there, by the map's rules; anything else would be bent.
    if cells.kind().may_be_nullable() && cells.nulls().contains(&1) {
        return Err(Error::definite(format!("cannot write column {}: a row is NULL", column.name))
            .detail("The column was NOT NULL when its table was created in the store.")
            .hint(format!(
                "set type = \"{}\" for it in millrace.toml and copy the table again",
                cells.kind().clickhouse(true)
            )));
    }
    Ok(())
}

fn null_map(cells: &Cells, out: &mut Pieces<'_>) -> Result<()> {
    if cells.nulls().is_empty() {
        return out.zeros(cells.rows());
    }
    out.bytes(cells.nulls())
}

fn values(cells: &Cells, out: &mut Pieces<'_>) -> Result<()> {
    if cells.kind().width().is_some() {
        return out.bytes(cells.bytes());
    }
    match cells.kind() {
        Kind::Text => return texts(cells, b"", out),
        // Tuples: their parts lie one behind the other, as long as the column.
        Kind::Range(_) | Kind::Point => {}
        _ => {
            for end in cells.ends() {
                out.bytes(&end.to_le_bytes())?;
            }
        }
    }
    for (at, part) in cells.parts().iter().enumerate() {
        if cells.kind().part_may_be_null(at) {
            null_map(part, out)?;
        }
        values(part, out)?;
    }
    Ok(())
}

fn texts(cells: &Cells, empty: &[u8], out: &mut Pieces<'_>) -> Result<()> {
    let mut start = 0;
    for &end in cells.ends() {
        let value = &cells.bytes()[start..end as usize];
        let value = if value.is_empty() { empty } else { value };
        out.varint(value.len() as u64);
        out.bytes(value)?;
        start = end as usize;
    }
    Ok(())
}

/// `fallback` in the place of NULL.
fn texts_without_null(cells: &Cells, fallback: &[u8], out: &mut Pieces<'_>) -> Result<()> {
    for row in 0..cells.rows() {
        let value = if cells.is_null(row) { fallback } else { cells.value(row) };
        out.varint(value.len() as u64);
        out.bytes(value)?;
    }
    Ok(())
}

struct Pieces<'a> {
    buffer: Vec<u8>,
    sink: &'a mut dyn FnMut(&[u8]) -> Result<()>,
}

impl Pieces<'_> {
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if self.buffer.len() + bytes.len() > PIECE_BYTES {
            self.flush()?;
            if bytes.len() >= PIECE_BYTES {
                return (self.sink)(bytes);
            }
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn zeros(&mut self, count: usize) -> Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        let mut left = count;
        while left > 0 {
            let now = left.min(ZEROS.len());
            self.bytes(&ZEROS[..now])?;
            left -= now;
        }
        Ok(())
    }

    #[inline]
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.buffer.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.push(value as u8);
    }

    fn text(&mut self, text: &str) {
        self.varint(text.len() as u64);
        self.buffer.extend_from_slice(text.as_bytes());
    }

    fn flush(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            (self.sink)(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}
