//! What `store::Store` promises, asked of whichever home it is: the embedded engine, or a server over
//! HTTP. The same tests with the same names run where each home can be had:
//!
//! ```text
//! crates/store/tests/contract.rs        the engine in the process
//! crates/serve/tests/it/remote.rs       `Remote`, at a door in the process
//! ```
//!
//! A home's tests share one store and keep to databases of their own.

mod any;
pub mod books;
pub mod chosen;
pub mod rows;
pub mod values;

use model::{
    Block, Column, Lsn, Mode, Op, PgType, Result, Table, TableId, TableName, TableOptions, Version,
};
use std::sync::Arc;
use store::{Insert, Store, Target, Token};
use tokio::runtime::Runtime;

/// All of them, as tests of where it stands. `$home` gives a [`Home`].
#[macro_export]
macro_rules! tests {
    ($home:path) => {
        $crate::tests! { $home:
            books::our_own_rows_come_back,
            books::an_exception_is_told_without_values,
            books::a_statement_of_many_bytes_is_taken,
            books::answers_of_many_bytes_come_whole,
            chosen::texts_are_what_the_type_makes_of_them_or_refused,
            chosen::numbers_and_times_are_what_they_were_or_refused,
            chosen::a_null_in_an_array_stays_one_or_is_refused,
            chosen::a_type_that_would_bend_every_value_is_refused_when_it_is_chosen,
            rows::a_mirror_shows_the_newest_version_of_each_living_row,
            rows::an_append_table_takes_a_token_once_and_converts_types,
            rows::a_default_takes_the_place_of_null_and_without_one_a_null_is_refused,
            rows::a_null_where_the_store_has_none_is_refused,
            rows::a_large_block_is_one_part_a_partition,
            rows::a_refused_block_leaves_nothing,
            rows::tables_are_written_at_once,
            rows::rows_that_are_deleted_are_gone,
            rows::a_question_is_asked_about_rows_that_go_with_it,
            values::values_of_every_kind_read_back,
        }
    };
    ($home:path: $($module:ident::$name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                $crate::$module::$name(&$home());
            }
        )*
    };
}

/// A store, and what its futures run on.
pub struct Home {
    pub store: Arc<dyn Store>,
    runtime: Runtime,
}

impl Home {
    pub fn new(store: Arc<dyn Store>) -> Home {
        let built =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Home { store, runtime: built.unwrap() }
    }

    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    #[track_caller]
    pub fn execute(&self, sql: &str) {
        let done = self.wait(self.store.execute(sql));
        done.unwrap_or_else(|error| panic!("{sql}: {}", error.report()));
    }

    #[track_caller]
    pub fn rows(&self, sql: &str) -> store::Rows {
        let rows = self.wait(self.store.query(sql));
        rows.unwrap_or_else(|error| panic!("{sql}: {}", error.report()))
    }

    /// The fields of the first row.
    #[track_caller]
    pub fn one(&self, sql: &str) -> String {
        let rows = self.rows(sql);
        let fields = rows[0].iter().map(|field| field.clone().unwrap_or("NULL".into()));
        fields.collect::<Vec<_>>().join("|")
    }

    /// The target's databases, table and view.
    pub fn make(&self, target: &Target) {
        let layout = self.store.layout();
        let view = || layout.view(&target.name, &target.visible(), &target.rows);
        let view = (target.mode == Mode::Mirror).then(view);
        for statement in layout.create(target).into_iter().chain(layout.spread(target)).chain(view)
        {
            self.execute(&statement);
        }
    }

    pub fn insert(&self, target: &Arc<Target>, block: Block, token: Option<&str>) -> Result<u64> {
        let token = token.map(Token::first);
        let insert = Insert { target: target.clone(), block: Arc::new(block), token };
        self.wait(self.store.insert(insert)).map(|receipt| receipt.rows())
    }
}

/// An append table `<database>.t` of three partitions, and a block of so many rows.
pub fn facts(database: &str, rows: i64) -> (Arc<Target>, Block) {
    let mut options = TableOptions { mode: Mode::Append, ..TableOptions::default() };
    options.partition_by = Some("id % 3".into());
    let target = Target::resolve(table(database), &options, None).unwrap();
    let mut block = Block::new(target.table.clone());
    (0..rows).for_each(|id| push(&mut block, Op::Insert, 16, id, Some(id), "{}"));
    (Arc::new(target), block)
}

fn column(name: &str, pg: PgType, not_null: bool) -> Column {
    Column { not_null, ..Column::new(name, pg) }
}

/// `<database>.t (id, price, tags, note)`
fn table(database: &str) -> Arc<Table> {
    Arc::new(Table {
        key: vec![0],
        ..Table::new(
            TableId(1),
            TableName::new(database, "t"),
            vec![
                column("id", PgType::Int8, true),
                column("price", PgType::Numeric(Some((10, 2))), false),
                column("tags", PgType::Array(Box::new(PgType::Text), 1), false),
                column("note", PgType::Jsonb, false),
            ],
        )
    })
}

fn push(block: &mut Block, op: Op, commit: u64, id: i64, price: Option<i64>, note: &str) {
    block.columns[0].push_fixed(id.to_le_bytes());
    match price {
        Some(price) => block.columns[1].push_fixed(price.to_le_bytes()),
        None => block.columns[1].push_null(),
    }
    block.columns[2].parts_mut()[0].push_text(b"a\n\nb");
    block.columns[2].parts_mut()[0].push_null();
    block.columns[2].end_parts();
    block.columns[3].push_text(note.as_bytes());
    block.end_row(op, Version::of_change(Lsn(commit), Lsn(id as u64)));
}
