//! Each type that a schema or a declaration names, to the text that Postgres prints.

use super::*;

/// One column, declared, in a message without a schema.
fn declared(pg: &str, value: &str) -> String {
    let table = model::TableName::new("public", "t");
    let declared = [(table, [("v".to_owned(), pg.to_owned())].into())].into();
    let options = ReaderOptions { declared, ..ReaderOptions::new(Format::DebeziumJson) };
    let mut reader = Reader::new(options, Vec::new()).unwrap();
    let row = super::traps::event("c", "null", &format!("{{\"v\":{value}}}"));
    told(&mut reader, &Owned::new("x", "", &row))
}

/// The same with a schema.
fn schema(schema: &str, value: &str) -> String {
    let mut reader = reader(Format::DebeziumJson);
    let field = schema.replacen('{', r#"{"field":"v","optional":true,"#, 1);
    let fields = format!(
        r#"[{{"type":"struct","field":"after","fields":[{field}]}},{{"type":"string","field":"op"}}]"#
    );
    let payload = super::traps::event("c", "null", &format!("{{\"v\":{value}}}"));
    let message =
        format!(r#"{{"schema":{{"type":"struct","fields":{fields}}},"payload":{payload}}}"#);
    let told = told(&mut reader, &Owned::new("x", "", &message));
    let pg = reader.tables().next().map(|table| table.columns[0].type_name.clone());
    format!("{} {told}", pg.unwrap_or_default())
}

fn is(told: &str, expected: &str, of: &str) {
    let quoted = Json::from(expected).to_string();
    assert!(told.ends_with(&format!("Insert {{\"v\":{quoted}}}")), "{of}: {told}");
}

#[test]
fn declared_types_read_what_debezium_sends_without_a_schema() {
    for (pg, value, expected) in [
        ("date", "20780", "2026-11-23"),
        ("date", r#""2026-11-23Z""#, "2026-11-23"),
        ("timestamp", "1795395723456789", "2026-11-23 01:02:03.456789"),
        ("timestamp(3)", "1795395723456", "2026-11-23 01:02:03.456000"),
        ("timestamp", r#""2026-11-23T01:02:03.456789Z""#, "2026-11-23 01:02:03.456789"),
        ("timestamptz", r#""2026-11-22T19:32:03.456789Z""#, "2026-11-22 19:32:03.456789+00"),
        ("timestamptz", r#""2026-11-22 20:32:03+01""#, "2026-11-22 19:32:03.000000+00"),
        ("time", "3723456789", "01:02:03.456789"),
        ("time(3)", "3723456", "01:02:03.456000"),
        ("time", r#""01:02:03.456789Z""#, "01:02:03.456789"),
        ("timetz", r#""23:02:03.456789Z""#, "23:02:03.456789+00"),
        ("interval", r#""P1Y2M3DT4H5M6.789S""#, "1 year 2 mons 3 days 04:05:06.789"),
        ("interval", "37091106789000", "10303:05:06.789"),
        ("uuid", r#""6f9619ff-8b86-d011-b42d-00c04fc964ff""#, "6f9619ff8b86d011b42d00c04fc964ff"),
        ("bytea", r#""3q2+7w==""#, "\\xdeadbeef"),
        ("bit(4)", r#""Cg==""#, "1010"),
        ("varbit", r#""BQ==""#, "101"),
        ("bit", "true", "1"),
        ("point", r#"{"x":1.5,"y":-2.5,"wkb":"AQ==","srid":null}"#, "(1.5,-2.5)"),
        (
            "geometry",
            r#"{"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAATA","srid":4326}"#,
            "0101000020E6100000000000000000F83F00000000000004C0",
        ),
        ("hstore", r#"{"k":"v","n":null,"q\"":"\\"}"#, r#""k"=>"v", "n"=>NULL, "q\""=>"\\""#),
        ("hstore", r#""{\"k\":\"v\"}""#, r#""k"=>"v""#),
        ("jsonb", r#""{\"a\": 1.50}""#, r#"{"a": 1.50}"#),
        ("jsonb", r#"{"a":1.50}"#, r#"{"a":1.50}"#),
        ("int4[]", "[1,null,3]", "{1,NULL,3}"),
        ("int4[][]", "[[1,2],[3,null]]", "{{1,2},{3,NULL}}"),
        (
            "text[]",
            r#"["a","b,c",null,"q\"q","","NULL","\\"]"#,
            r#"{a,"b,c",NULL,"q\"q","","NULL","\\"}"#,
        ),
        ("numeric(10,2)[]", r#"["bg==","ANw="]"#, "{1.10,2.20}"),
        ("numeric(10,2)[]", r#"["1.10",2.2]"#, "{1.10,2.20}"),
        (
            "timestamptz[]",
            r#"["2026-11-23T00:00:00.000000Z"]"#,
            "{\"2026-11-23 00:00:00.000000+00\"}",
        ),
        ("date[]", "[20780]", "{2026-11-23}"),
        ("bytea[]", r#"["3q2+7w=="]"#, "{\"\\\\xdeadbeef\"}"),
        ("int8", "1e3", "1000"),
        ("int4", "12.00", "12"),
        ("bool", "1", "t"),
        ("numeric", "1.5e2", "150.00000000000000000000000000000000000000"),
        ("float8", r#""NaN""#, "NaN"),
        ("money", "12.5", "12.50"),
        ("int4range", r#""[1,10)""#, "[1,10)"),
        ("text", r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        ("inet", r#""10.0.0.1/24""#, "10.0.0.1/24"),
    ] {
        is(&declared(pg, value), expected, &format!("{pg} {value}"));
    }
}

#[test]
fn what_fits_nowhere_is_refused_with_its_reason() {
    for (pg, value, reason) in [
        ("date", "\"soon\"", "it is no date"),
        ("date", "1.5", "it is no whole number"),
        ("timestamptz", r#""2026-01-02T03:04:05.123456789Z""#, "digits below a microsecond"),
        ("bytea", "\"?\"", "it is no base64"),
        ("int4", "1.5", "the column is integer, and a decimal number came"),
        ("int4", "2147483648", "the column is integer, and a decimal number came"),
        ("int4", "\"x\"", "the column is integer, and text came"),
        ("int4[]", "[\"x\"]", "an element: the column is integer"),
        ("float4", "0.1234567891", "the column is real"),
        ("money", "\"1.005\"", "the column is money"),
        ("money", "\"USD 1\"", "it is no base64"),
        ("interval", "\"P\"", "no interval"),
        ("time", "90000000000", "no time of a day"),
        ("bool", "2", "the column is boolean"),
        ("point", "{\"x\":1}", "it is no point"),
        ("geometry", "{\"x\":1}", "Of column v: it has no WKB."),
        ("timetz", "\"noon\"", "it is no time of a day"),
        ("bit(2)", "\"/w==\"", "it has more bits than its type"),
        ("interval[]", "[\"P\"]", "no interval"),
        ("numeric(9,2)", "{\"scale\":1}", "no decimal with a scale"),
    ] {
        let told = declared(pg, value);
        assert!(
            told.to_lowercase().contains("refused") && told.contains(reason),
            "{pg} {value}: {told}"
        );
    }
}

#[test]
fn schemas_name_types() {
    let named = |carrier: &str, name: &str| format!(r#"{{"type":"{carrier}","name":"{name}"}}"#);
    let time = |carrier: &str, name: &str| named(carrier, &format!("io.debezium.time.{name}"));
    let data = |carrier: &str, name: &str| named(carrier, &format!("io.debezium.data.{name}"));
    let connect = |carrier: &str, name: &str| {
        named(carrier, &format!("org.apache.kafka.connect.data.{name}"))
    };
    for (of, value, pg, expected) in [
        (time("int32", "Date"), "20780", "date", "2026-11-23"),
        (connect("int32", "Date"), "20780", "date", "2026-11-23"),
        (time("string", "IsoDate"), "\"2026-11-23Z\"", "date", "2026-11-23"),
        (
            time("int64", "Timestamp"),
            "1795395723456",
            "timestamp without time zone",
            "2026-11-23 01:02:03.456000",
        ),
        (
            time("int64", "NanoTimestamp"),
            "1795395723456789000",
            "timestamp without time zone",
            "2026-11-23 01:02:03.456789",
        ),
        (
            connect("int64", "Timestamp"),
            "-1",
            "timestamp without time zone",
            "1969-12-31 23:59:59.999000",
        ),
        (
            time("string", "IsoTimestamp"),
            "\"2026-11-23T01:02:03Z\"",
            "timestamp without time zone",
            "2026-11-23 01:02:03.000000",
        ),
        (time("int32", "Time"), "3723456", "time without time zone", "01:02:03.456000"),
        (time("int64", "MicroTime"), "3723456789", "time without time zone", "01:02:03.456789"),
        (time("int64", "NanoTime"), "3723456789000", "time without time zone", "01:02:03.456789"),
        (time("string", "IsoTime"), "\"01:02:03Z\"", "time without time zone", "01:02:03.000000"),
        (
            time("string", "ZonedTime"),
            "\"23:02:03+05:30\"",
            "time with time zone",
            "23:02:03+05:30",
        ),
        (time("string", "Interval"), "\"P1M\"", "interval", "1 mon"),
        (time("int64", "MicroDuration"), "7", "bigint", "7"),
        (time("int32", "Year"), "2026", "integer", "2026"),
        (data("string", "Ltree"), "\"a.b\"", "ltree", "a.b"),
        (data("string", "EnumSet"), "\"a,b\"", "text", "a,b"),
        (data("string", "Xml"), "\"<a/>\"", "text", "<a/>"),
        (data("struct", "geometry.Geometry"), r#"{"wkb":"AQE=","srid":null}"#, "geometry", "0101"),
        (
            r#"{"type":"map","keys":{"type":"string"},"values":{"type":"string","optional":true}}"#
                .into(),
            r#"{"k":null}"#,
            "hstore",
            "\"k\"=>NULL",
        ),
        (r#"{"type":"struct","fields":[]}"#.into(), r#"{"a":1}"#, "jsonb", r#"{"a":1}"#),
        (r#"{"type":"int8"}"#.into(), "-1", "smallint", "-1"),
        (r#"{"type":"string"}"#.into(), "\"x\\u00e9\\n\"", "text", "xé\n"),
    ] {
        let told = schema(&of, value);
        assert!(told.starts_with(pg), "{of}: {told}");
        is(&told, expected, &of);
    }
}

#[test]
fn plain_topics_have_columns_by_paths_and_a_column_for_the_rest() {
    let column = |path: &str, pg: &str| PlainColumn { path: path.into(), type_name: pg.into() };
    let topic = PlainTopic {
        table: model::TableName::new("app", "events"),
        columns: [
            ("id".to_owned(), column("id", "uuid")),
            ("user_id".to_owned(), column("user.id", "int8")),
            ("at".to_owned(), column("at", "timestamptz")),
            ("tags".to_owned(), column("tags", "text[]")),
        ]
        .into(),
        rest: Some("rest".into()),
        time: Some("at".into()),
        id: Some("id".into()),
    };
    let plain = [("events".to_owned(), topic)].into();
    // Who says what its table is called means that.
    let schema = "kafka_{schema}".to_owned();
    let options = ReaderOptions { plain, schema, ..ReaderOptions::new(Format::DebeziumJson) };
    let mut reader = Reader::new(options.clone(), Vec::new()).unwrap();
    let value = r#"{"id":"6f9619ff-8b86-d011-b42d-00c04fc964ff","user":{"id":7,"name":"ann"},
        "at":1795395723,"tags":["a","b"],"n":1.50,"user2":{"x":null}}"#;
    let message = Owned::new("events", "ignored", value);
    let Ok(Read::Change(change)) = reader.read(&message.message()) else { panic!() };
    assert_eq!(change.commit_us, 1_795_395_723_000_000);
    assert_eq!(
        rows_of(&change),
        r#"Insert {"at":"2026-11-23 01:02:03.000000+00","id":"6f9619ff8b86d011b42d00c04fc964ff","rest":"{\"user\":{\"name\":\"ann\"},\"n\":1.50,\"user2\":{\"x\":null}}","tags":"{a,b}","user_id":"7"}"#
    );
    assert_eq!(
        (change.table.name.to_string().as_str(), &*change.table.key),
        ("app.events", &[1][..])
    );
    assert!(change.table.columns[1].not_null && !change.table.columns[0].not_null);
    let told_of = told(&mut reader, &Owned::new("events", "", r#"{"user":{"id":7}}"#));
    assert!(told_of.contains("it has no id"), "{told_of}");
    let mut all = super::reader(Format::Json);
    let told_of = told(&mut all, &Owned::new("clicks", "", r#"{"a":{"b":1},"c":"x"}"#));
    assert_eq!(told_of, r#"public.clicks Insert {"a":"{\"b\":1}","c":"x"}"#);
    assert_eq!(told(&mut all, &Owned::new("clicks", "", "")), "Tombstone");
    let options = ReaderOptions { format: Format::Json, ..options };
    let mut all = Reader::new(options, Vec::new()).unwrap();
    let told_of = told(&mut all, &Owned::new("clicks", "", r#"{"c":"x"}"#));
    assert_eq!(told_of, r#"kafka_public.clicks Insert {"c":"x"}"#);
}
