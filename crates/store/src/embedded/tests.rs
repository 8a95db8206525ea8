//! Against the real engine. One data directory a process, so the tests share it and keep to
//! databases of their own.

mod chosen;

use super::*;
use crate::Target;
use crate::alias::own_name;
use model::{
    Block, Column, ColumnOptions, Lsn, Op, PgType, ReplicaIdentity, Table, TableId, TableName,
    TableOptions, Version,
};
use std::sync::LazyLock;

fn engine() -> Engine {
    static ENGINE: LazyLock<(Engine, tempfile::TempDir)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions { data_dir: folder.path().to_owned(), memory_bytes: 2 << 30 };
        (Engine::open(&options).unwrap(), folder)
    });
    ENGINE.0.clone()
}

fn column(name: &str, pg: PgType, not_null: bool) -> Column {
    Column {
        name: name.into(),
        attnum: 1,
        type_oid: 0,
        typmod: -1,
        pg,
        type_name: String::new(),
        not_null,
    }
}

fn table(name: &str) -> Arc<Table> {
    Arc::new(Table {
        id: TableId(1),
        name: TableName::new(name, "t"),
        columns: vec![
            column("id", PgType::Int8, true),
            column("price", PgType::Numeric(Some((10, 2))), false),
            column("tags", PgType::Array(Box::new(PgType::Text), 1), false),
            column("note", PgType::Jsonb, false),
        ],
        key: vec![0],
        identity: ReplicaIdentity::Default,
        objects: Vec::new(),
        excluded: Vec::new(),
        rules: Default::default(),
        written: model::Written::default(),
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

fn make(target: &Target) {
    let view =
        (target.mode == Mode::Mirror).then(|| ddl::view(target, &target.visible(), &target.rows));
    for statement in ddl::create(target).into_iter().chain(view) {
        engine().statement(&statement, "create").unwrap();
    }
}

fn insert(target: &Arc<Target>, block: Block, token: Option<&str>) -> Result<u64> {
    let token = token.map(str::to_owned);
    let insert = Insert { target: target.clone(), block: Arc::new(block), token };
    engine().write_block(&insert).map(|receipt| receipt.rows())
}

fn one(sql: &str) -> String {
    let rows = engine().read(sql).unwrap();
    let fields = rows[0].iter().map(|field| field.clone().unwrap_or("NULL".into()));
    fields.collect::<Vec<_>>().join("|")
}

#[test]
fn a_mirror_shows_the_newest_version_of_each_living_row() {
    let options = TableOptions::default();
    let target = Arc::new(Target::resolve(table("mirrored"), &options, None).unwrap());
    make(&target);
    make(&target);
    let mut block = Block::new(target.table.clone());
    push(&mut block, Op::Insert, 1, 1, Some(1050), "{}");
    push(&mut block, Op::Insert, 1, 2, None, "{}");
    push(&mut block, Op::Insert, 1, 3, Some(5), "{}");
    assert_eq!(insert(&target, block, None).unwrap(), 3);
    let mut later = Block::new(target.table.clone());
    push(&mut later, Op::Update, 3, 1, Some(-7), "{}");
    push(&mut later, Op::Update, 2, 1, Some(99), "{}");
    push(&mut later, Op::Delete, 2, 3, None, "");
    insert(&target, later, None).unwrap();
    let rows = engine().read("SELECT id, price, tags FROM mirrored.t ORDER BY id").unwrap();
    let text: Vec<String> = rows
        .iter()
        .map(|r| format!("{}={}", r[0].as_ref().unwrap(), r[1].clone().unwrap_or("NULL".into())))
        .collect();
    assert_eq!(text, ["1=-0.07", "2=NULL"]);
    assert_eq!(one("SELECT tags[1], tags[2] FROM mirrored.t WHERE id = 1"), "a\n\nb|NULL");
}

/// A type whose name we do not know is refused when it is chosen.
#[test]
fn every_other_name_of_a_type_is_known() {
    let sql = "SELECT if(alias_to = '', name, alias_to), upper(name) FROM system.data_type_families \
               WHERE (alias_to != '' OR case_insensitive) AND alias_to != 'Geometry' \
               AND name != 'DateTime32' ORDER BY ALL";
    let rows = engine().read(sql).unwrap();
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let [Some(own), Some(name)] = row.as_slice() else { panic!("{row:?}") };
        assert_eq!(own_name(name), *own, "{name}");
    }
}

#[test]
fn an_append_table_takes_a_token_once_and_converts_types() {
    let mut options = TableOptions { mode: Mode::Append, ..TableOptions::default() };
    options.extra_columns.insert("ingest_ts".into(), "DateTime DEFAULT now()".into());
    let json = ColumnOptions {
        name: Some("properties_json".into()),
        clickhouse_type: Some("JSON".into()),
        ..ColumnOptions::default()
    };
    let text = ColumnOptions { clickhouse_type: Some("String".into()), ..ColumnOptions::default() };
    options.columns.insert("note".into(), json);
    options.columns.insert("id".into(), text);
    let target = Arc::new(Target::resolve(table("appended"), &options, None).unwrap());
    make(&target);
    for token in ["a", "a", "b"] {
        let mut block = Block::new(target.table.clone());
        push(&mut block, Op::Insert, 16, 1, Some(1), "{\"plan\": \"pro\"}");
        insert(&target, block, Some(token)).unwrap();
    }
    let sql = "SELECT count(), any(id), any(properties_json.plan), any(_lsn), any(toYear(ingest_ts)) > 2000 FROM appended.t";
    assert_eq!(one(sql), "2|1|pro|16|1");
}

/// Of numbers the engine puts it there, of texts we do: an empty text would be none of the enum's.
#[test]
fn a_default_takes_the_place_of_null_and_without_one_a_null_is_refused() {
    let chosen = |ty: &str, default: Option<&str>| ColumnOptions {
        clickhouse_type: Some(ty.into()),
        default: default.map(str::to_owned),
        ..ColumnOptions::default()
    };
    let mut options = TableOptions::default();
    options.columns.insert("price".into(), chosen("Decimal(9, 1)", Some("-1 * 0.5")));
    options.columns.insert("note".into(), chosen("Enum8('none' = 1, 'x' = 2)", Some("'none'")));
    let target = Arc::new(Target::resolve(table("fallen"), &options, None).unwrap());
    make(&target);
    let mut block = Block::new(target.table.clone());
    push(&mut block, Op::Insert, 16, 1, None, "x");
    push(&mut block, Op::Insert, 16, 2, Some(150), "x");
    block.columns[3] = block.columns[3].with_nulls(&[1]);
    insert(&target, block.clone(), None).unwrap();
    let sql =
        "SELECT toString(groupArray((id, price, note))) FROM (SELECT * FROM fallen.t ORDER BY id)";
    assert_eq!(one(sql), "[(1,-0.5,'x'),(2,1.5,'none')]");

    options.columns.insert("note".into(), chosen("String", None));
    let bare = Arc::new(Target::resolve(table("bare"), &options, None).unwrap());
    make(&bare);
    let error = insert(&bare, block, None).unwrap_err();
    assert_eq!(
        (error.fate(), error.detail_text()),
        (model::Fate::Refused, Some("NULL has no place in String"))
    );
}

#[test]
fn a_null_where_the_store_has_none_is_refused() {
    let mut plain = (*table("refused")).clone();
    plain.columns[1].not_null = true;
    let target = Target::resolve(Arc::new(plain), &TableOptions::default(), None).unwrap();
    let target = Arc::new(target);
    make(&target);
    let mut block = Block::new(target.table.clone());
    push(&mut block, Op::Insert, 1, 1, None, "{}");
    let error = insert(&target, block, None).unwrap_err();
    assert!(error.what().contains("price"), "{error}");
    assert_eq!(one("SELECT count() FROM refused.t"), "0");
}

#[test]
fn a_failed_statement_leaves_nothing_behind_for_the_next() {
    let mut session = engine().session().unwrap();
    let sql = "SELECT number, throwIf(number = 3) FROM numbers(10) SETTINGS max_block_size = 1";
    let error = session.query(sql, "TSV", &[]).err().unwrap();
    assert_eq!(error.code, 395);
    assert!(session.query("SELECT 1", "TSV", &[]).is_err());
    let mut fresh = engine().session().unwrap();
    assert_eq!(fresh.query("SELECT 777", "TSV", &[]).unwrap().bytes(), b"777\n");
}

#[test]
fn selects_stream_with_parameters_and_end_with_their_header() {
    let params = [("n".to_owned(), "200000".to_owned())];
    let mut chunks = engine()
        .session()
        .unwrap()
        .select("SELECT number FROM numbers({n:UInt64})", "RowBinary", &params)
        .unwrap();
    let (mut bytes, mut pieces) = (0, 0);
    while let Some(chunk) = chunks.next().unwrap() {
        bytes += chunk.bytes().len();
        pieces += 1;
    }
    assert_eq!(bytes, 1_600_000);
    assert!(pieces > 2);
    let empty = "SELECT 1 AS x WHERE 0";
    let mut chunks = engine().session().unwrap().select(empty, "CSVWithNames", &[]).unwrap();
    assert_eq!(chunks.next().unwrap().unwrap().bytes(), b"\"x\"\n");
    assert!(chunks.next().unwrap().is_none());
}

#[test]
fn a_running_query_is_killed_from_beside() {
    let mut session = engine().session().unwrap();
    session.set("log_comment", "victim").unwrap();
    let thread = std::thread::spawn(move || {
        let sql = "SELECT count() FROM numbers(1000000000000)";
        let mut chunks = session.select(sql, "TSV", &[])?;
        while chunks.next()?.is_some() {}
        Ok::<(), Exception>(())
    });
    while !thread.is_finished() {
        engine().kill("victim").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(thread.join().unwrap().unwrap_err().code, 394);
}

#[test]
fn a_kept_session_goes_on_after_failures_of_every_kind() {
    let mut session = engine().session().unwrap();
    session.query("CREATE TEMPORARY TABLE kept (x Int64)", "Null", &[]).unwrap();
    let sql = "SELECT number, throwIf(number = 3) FROM numbers(10) SETTINGS max_block_size = 1";
    assert_eq!(session.query_and_keep(sql, "TSV", &[]).err().unwrap().code, 395);
    assert_eq!(session.query("SELECT 777", "TSV", &[]).unwrap().bytes(), b"777\n");
    assert!(session.select_and_keep("SHOW TABLES", "TSV", &[]).is_err());
    let mut chunks = session.select_and_keep(sql, "TSV", &[]).unwrap();
    while let Ok(Some(_)) = chunks.next() {}
    session = chunks.into_session();
    let chunks = session.select_and_keep("SELECT * FROM numbers(9000000)", "TSV", &[]).unwrap();
    session = chunks.into_session();
    assert!(session.insert_and_keep("INSERT INTO nope", "TSV", &[]).is_err());
    let mut body = session.insert_and_keep("INSERT INTO kept", "TSV", &[]).unwrap();
    body.append(b"1\n").unwrap();
    session = body.into_session();
    let mut body = session.insert_and_keep("INSERT INTO kept", "TSV", &[]).unwrap();
    body.append(b"2\n3\n").unwrap();
    assert_eq!(body.finish_and_keep().unwrap().written_rows, 2);
    session = body.into_session();
    let sum = session.query("SELECT sum(x) FROM kept", "TSV", &[]).unwrap();
    assert_eq!(sum.bytes(), b"5\n");
}

#[test]
fn statements_are_classified() {
    let mut session = engine().session().unwrap();
    let class = |session: &mut Session, sql| session.classify(sql, HOME_DATABASE).unwrap();
    let plain = Class { statements: 1, reads_only: true, has_secrets: false };
    assert_eq!(class(&mut session, "SELECT 1"), plain);
    let secret = "SELECT * FROM s3('https://b/k', 'id', 'secret', 'CSV')";
    assert!(class(&mut session, secret).has_secrets);
    assert!(class(&mut session, "CREATE USER x IDENTIFIED BY 'secret'").has_secrets);
    assert_eq!(class(&mut session, "SELECT 1; SELECT 2").statements, 2);
    assert!(!class(&mut session, "DROP TABLE x").reads_only);
}

#[test]
fn our_own_rows_come_back() {
    let row = vec![vec![Some("s'\\\t\n".to_owned()), Some("7".to_owned())]];
    engine().write_rows("millrace.checkpoints (slot, confirmed)", &row).unwrap();
    let sql = "SELECT slot, confirmed FROM millrace.checkpoints WHERE confirmed = 7";
    assert_eq!(engine().read(sql).unwrap(), row);
}

#[test]
fn a_directory_in_use_is_named_with_its_process() {
    let data_dir = engine().data_dir().to_owned();
    let error = Engine::open(&EngineOptions { data_dir: data_dir.clone(), memory_bytes: 1 << 30 })
        .err()
        .unwrap();
    let report = error.report();
    assert!(report.contains(&std::process::id().to_string()), "{report}");
    assert!(report.contains(&data_dir.display().to_string()), "{report}");
}

/// Whatever a kind holds goes into the engine and comes out of it as it was.
#[test]
fn values_of_every_kind_read_back() {
    let texts = || PgType::Array(Box::new(PgType::Text), 2);
    let plain = [
        PgType::Bool,
        PgType::Numeric(None),
        PgType::Numeric(Some((30, 4))),
        PgType::Bytea,
        PgType::Timestamptz,
        PgType::Time,
        PgType::Uuid,
        texts(),
        PgType::Array(Box::new(PgType::Numeric(Some((50, 3)))), 1),
        PgType::Array(Box::new(PgType::Hstore), 1),
        PgType::Array(Box::new(PgType::Point), 1),
        PgType::Hstore,
        PgType::Range(Box::new(PgType::Timestamptz)),
        PgType::Multirange(Box::new(PgType::Int8)),
        PgType::Polygon,
        PgType::Vector,
    ];
    let chosen = [
        (PgType::Jsonb, "LowCardinality(Nullable(String))"),
        (PgType::Array(Box::new(PgType::Text), 1), "Array(LowCardinality(Nullable(String)))"),
        (PgType::Numeric(None), "Nullable(String)"),
    ];
    let plain = plain.into_iter().map(|pg| (pg, None));
    let chosen = chosen.into_iter().map(|(pg, ty)| (pg, Some(ty.to_owned())));
    let (mut columns, mut options) =
        (vec![column("id", PgType::Int8, true)], TableOptions::default());
    for (at, (pg, clickhouse_type)) in plain.chain(chosen).enumerate() {
        let name = format!("c{at}");
        let of_column = ColumnOptions { clickhouse_type, ..ColumnOptions::default() };
        options.columns.insert(name.clone(), of_column);
        columns.push(column(&name, pg, false));
    }
    let table = Table { columns, ..Table::clone(&table("back")) };
    let target = Arc::new(Target::resolve(Arc::new(table), &options, None).unwrap());
    make(&target);
    let mut block = Block::new(target.table.clone());
    let mut state = 88172645463325252u64;
    let mut dice = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    for id in 0..300i64 {
        block.columns[0].push_fixed(id.to_le_bytes());
        for cells in &mut block.columns[1..] {
            native::push(cells, true, &mut dice);
        }
        block.end_row(Op::Insert, Version::of_change(Lsn(1), Lsn(id as u64)));
    }
    let sent = block.columns.clone();
    assert_eq!(insert(&target, block, None).unwrap(), 300);
    let read = (1..sent.len()).map(|at| target.read_back(at, &format!("c{}", at - 1)).unwrap());
    let read: Vec<String> = read.collect();
    let sql = format!("SELECT id, {} FROM back_raw.t ORDER BY id", read.join(", "));
    let kinds: Vec<Kind> = sent.iter().map(|cells| cells.kind().clone()).collect();
    let answer = native::cells(&engine().answer(&sql, "Native").unwrap(), &kinds).unwrap();
    for ((sent, answer), column) in sent.iter().zip(&answer).zip(&target.table.columns) {
        assert!(sent == answer, "{:?}: {sent:?} {answer:?}", column.pg);
    }
}
