//! Which tables a publication has, and what their columns are, as pgoutput will send them.

mod named;
mod notes;
mod types;

pub use named::table_by_name;
pub use notes::{defaults, labels};

use crate::address::Address;
use crate::client::pg_error;
use model::{
    Column, Error, Leaf, Lsn, PgType, ReplicaIdentity, Result, Table, TableId, TableName, Written,
};
use tokio_postgres::{Client, Row};
use types::Types;

/// `server_version_num`: 150018 is 15.18.
pub async fn server_version(client: &Client) -> Result<u32> {
    let sql = "select current_setting('server_version_num')::int4";
    let row = client.query_one(sql, &[]).await.map_err(reading)?;
    Ok(row.get::<_, i32>(0) as u32)
}

/// A session for looks at the catalog: behind a lock that somebody waits for it gives up.
pub async fn connect(address: &Address) -> Result<Client> {
    let client = crate::client::connect(address).await?;
    client.batch_execute("SET lock_timeout = '1s'").await.map_err(reading)?;
    Ok(client)
}

/// Where the log ends: what the catalog shows from now on was committed before, or is later.
pub async fn end_of_log(client: &Client) -> Result<Lsn> {
    let sql = "select (case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                            else pg_current_wal_insert_lsn() end)::text";
    let row = client.query_one(sql, &[]).await.map_err(reading)?;
    let text: String = row.get(0);
    text.parse().map_err(|_| Error::bug("the server's position does not read"))
}

/// Every table that the publication sends, by name. With `publish_via_partition_root` a partitioned
/// table is one table; without it each leaf is.
pub async fn published_tables(client: &Client, publication: &str) -> Result<Vec<Table>> {
    describe(client, publication, None).await
}

/// One of them. `None`: no such table, or not published.
pub async fn table_by_id(client: &Client, publication: &str, id: TableId) -> Result<Option<Table>> {
    Ok(describe(client, publication, Some(id)).await?.pop())
}

/// The publication's `WHERE` for the table, for a copy to apply as well (Postgres 15 on).
pub async fn row_filter(
    client: &Client,
    publication: &str,
    table: TableId,
) -> Result<Option<String>> {
    if server_version(client).await? < 150_000 {
        return Ok(None);
    }
    // By its oid: it may have another name by now.
    let sql = "select p.rowfilter from pg_publication_tables p
                 join pg_namespace n on n.nspname = p.schemaname
                 join pg_class c on c.relnamespace = n.oid and c.relname = p.tablename
                where p.pubname = $1 and c.oid = $2";
    let row = client.query_opt(sql, &[&publication, &table.0]).await;
    Ok(row.map_err(reading)?.and_then(|row| row.get(0)))
}

/// Whether the stream has to be asked for text: of some types we do not know the binary form.
pub fn any_needs_text(tables: &[Table]) -> bool {
    tables.iter().flat_map(|table| &table.columns).any(|column| column.pg.needs_text())
}

fn reading(error: tokio_postgres::Error) -> Error {
    pg_error("read the source's catalog", error)
}

/// A row a column, in the order in which tuples carry them: by attnum, whatever a column list says.
///
/// From 15 on `attnames` knows column lists, from 18 on which generated columns are sent; before, none
/// was, though 15 lists them. Since 18 `attnotnull` is also set by a constraint that older rows may still violate.
/// With replica identity USING INDEX a delete carries that index's columns and no others, so these
/// are the key even where there is a primary key too.
const COLUMNS: &str = "
    select c.oid, n.nspname::text, c.relname::text, c.relreplident::text,
           a.attnum, a.attname::text, a.atttypid, a.atttypmod, a.attndims::int4,
           format_type(a.atttypid, a.atttypmod),
           a.attnotnull and not exists (
               select from pg_constraint k where k.conrelid = c.oid and k.contype = 'n'
                  and k.conkey[1] = a.attnum and not k.convalidated),
           (select array_agg(k.attnum order by k.ord)
              from pg_index i, unnest(i.indkey::int2[]) with ordinality k(attnum, ord)
             where i.indrelid = c.oid and k.ord <= i.indnkeyatts
               and case c.relreplident when 'i' then i.indisreplident else i.indisprimary end),
           a.xmin::text::int8,
           c.relfilenode::int8, c.relnatts, c.relkind = 'p',
           coalesce((select pr.oid from pg_publication_rel pr join pg_publication pub on pub.oid = pr.prpubid
                      where pub.pubname = p.pubname and pr.prrelid = c.oid), 0::oid)
      from pg_publication_tables p
      join pg_namespace n on n.nspname = p.schemaname
      join pg_class c on c.relnamespace = n.oid and c.relname = p.tablename
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where p.pubname = $1 and ($2::oid is null or c.oid = $2) and ";

async fn describe(client: &Client, publication: &str, id: Option<TableId>) -> Result<Vec<Table>> {
    let sent = match server_version(client).await? {
        180_000.. => "a.attname = any (p.attnames)",
        150_000.. => "a.attname = any (p.attnames) and a.attgenerated = ''",
        _ => "a.attgenerated = ''",
    };
    let sql = format!("{COLUMNS}{sent} order by 2, 3, a.attnum");
    let rows = client.query(&sql, &[&publication, &id.map(|id| id.0)]).await.map_err(reading)?;
    let types = Types::load(client, rows.iter().map(|row| row.get(6)).collect()).await?;
    let mut tables: Vec<Table> = Vec::new();
    // Kept beside, as attnums: the columns that they name may come later.
    let mut keys: Vec<Vec<i16>> = Vec::new();
    for row in &rows {
        let id = TableId(row.get(0));
        if tables.last().is_none_or(|table| table.id != id) {
            let name = TableName::new(row.get::<_, String>(1), row.get::<_, String>(2));
            tables.push(Table {
                identity: identity(row.get(3)),
                written: Written {
                    file: row.get::<_, i64>(13) as u64,
                    attributes: row.get(14),
                    published: row.get(16),
                    ..Written::default()
                },
                ..Table::new(id, name, Vec::new())
            });
            keys.push(row.get::<_, Option<Vec<i16>>>(11).unwrap_or_default());
            if row.get(15) {
                tables.last_mut().expect("pushed above").written.leaves =
                    leaves(client, id).await?;
            }
        }
        let table = tables.last_mut().expect("pushed above");
        table.columns.push(column(&types, row));
        let (attnum, described): (i16, i64) = (row.get(4), row.get(12));
        table.written.columns = mixed(table.written.columns, attnum as u64, described as u64);
    }
    for (table, key) in tables.iter_mut().zip(keys) {
        let at = |attnum| table.columns.iter().position(|column| column.attnum == attnum);
        // A key of which a column is not published tells nothing apart.
        table.key = key.into_iter().map(at).collect::<Option<_>>().unwrap_or_default();
    }
    Ok(tables)
}

fn column(types: &Types, row: &Row) -> Column {
    let (type_oid, typmod): (u32, i32) = (row.get(6), row.get(7));
    Column {
        name: row.get(5),
        attnum: row.get(4),
        type_oid,
        typmod,
        pg: types.resolve(type_oid, typmod, dimensions(row.get(8))),
        type_name: row.get(9),
        not_null: row.get(10),
    }
}

/// Of what was mixed so far and one more column's description: other inputs, another number.
fn mixed(so_far: u64, attnum: u64, described: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    [attnum, described].into_iter().fold(so_far, |mixed, next| {
        (mixed.rotate_left(29) ^ next.wrapping_add(1)).wrapping_mul(ODD)
    })
}

/// The types of columns of before, by oid, modifier and declared dimensions. One that is gone is
/// [`PgType::Unread`].
pub async fn types_of(client: &Client, columns: &[(u32, i32, u8)]) -> Result<Vec<PgType>> {
    let types = Types::load(client, columns.iter().map(|column| column.0).collect()).await?;
    let resolve =
        |&(oid, typmod, dimensions): &(u32, i32, u8)| types.resolve(oid, typmod, dimensions);
    Ok(columns.iter().map(resolve).collect())
}

async fn leaves(client: &Client, root: TableId) -> Result<Vec<Leaf>> {
    // What was made as a partition got all its rows as one. One that was attached was not made by the
    // transaction that let it inherit; or an ancestor that it came with was not.
    let sql = "select c.oid, c.relfilenode, coalesce(pg_relation_size(c.oid), 0) > 0 and exists (
                      select from pg_partition_ancestors(c.oid) up(relid)
                        join pg_inherits i on i.inhrelid = up.relid
                        join pg_class made on made.oid = up.relid
                        join pg_type made_as on made_as.oid = made.reltype
                       where i.xmin <> made_as.xmin)
                 from pg_partition_tree($1::oid::regclass) t join pg_class c on c.oid = t.relid
                where t.isleaf order by c.oid";
    let rows = client.query(sql, &[&root.0]).await.map_err(reading)?;
    let leaf =
        |row: &Row| Leaf { id: TableId(row.get(0)), file: row.get(1), brought_rows: row.get(2) };
    Ok(rows.iter().map(leaf).collect())
}

fn identity(letter: &str) -> ReplicaIdentity {
    match letter {
        "i" => ReplicaIdentity::Index,
        "f" => ReplicaIdentity::Full,
        "n" => ReplicaIdentity::Nothing,
        _ => ReplicaIdentity::Default,
    }
}

fn dimensions(declared: i32) -> u8 {
    declared.clamp(0, 6) as u8
}
