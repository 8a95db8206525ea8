//! What `init` writes: a configuration with the evidence for each of its settings.

use model::words::counted;
use source::survey::{Surveyed, SurveyedColumn};
use std::fmt::Write;

/// Names that facts tend to have.
pub(super) const EVENT_WORDS: [&str; 11] = [
    "event",
    "events",
    "log",
    "logs",
    "activity",
    "activities",
    "audit",
    "metrics",
    "clicks",
    "pageviews",
    "impressions",
];
/// What says when a row came, the first that the table has not itself.
const ARRIVALS: [&str; 2] = ["ingest_ts", "millrace_ingest_ts"];
/// A table that nobody has written much to proves nothing.
pub(super) const ROWS_TO_PROVE: i64 = 1000;

/// Where there is a dbt project.
pub(super) const SCHEDULE: &str = "
# dbt builds the project in dbt/ by itself: at first once the tables are copied. Models that have to be fresher get a
# tag and a schedule of their own, with select = \"tag:…\"; `millrace status` says how the runs went.
[[transform.schedule]]
name = \"models\"
every = \"1h\"
after = \"copied\"
";

/// Where the URL comes from, and whose names.
pub(super) struct Header<'a> {
    /// `${DATABASE_URL}`, or a URL without a password.
    pub(super) url: &'a str,
    pub(super) publication: &'a str,
    pub(super) slot: &'a str,
    /// `15.18`.
    pub(super) server_version: &'a str,
    pub(super) database: &'a str,
}

/// `millrace.toml`.
pub(super) fn configuration(header: &Header<'_>, tables: &[Surveyed]) -> String {
    let mut text = format!(
        "# Written by `millrace init` for database {} on Postgres {}.\n\
         # Every published table is mirrored under its own name unless it says otherwise here.\n\
         # docs/configuration.md lists every key; `millrace config check` reads this without connecting.\n\n\
         [source]\n",
        header.database, header.server_version
    );
    if header.url.starts_with("${") {
        text += "# Taken from the environment, so that no password stands in a file.\n";
    }
    let _ = write!(
        text,
        "url = {}\npublication = {}\nslot = {}\n\n[store]\n# Embedded ClickHouse; nothing else to run.\n\
         data_dir = \".millrace\"\n\n[serve]\nclickhouse = \"127.0.0.1:8123\"\nui = \"127.0.0.1:3000\"\n",
        quoted(header.url),
        quoted(header.publication),
        quoted(header.slot)
    );
    for table in tables {
        text += &section(table);
    }
    text
}

/// Nothing for a plain mirror: what need not be said is a comment.
fn section(table: &Surveyed) -> String {
    let name = table.name.to_string();
    let json: Vec<&SurveyedColumn> =
        table.columns.iter().filter(|column| is_object(column)).collect();
    let time = time_column(table);
    match (evidence(table), time) {
        (Some(reasons), Some(time)) => append(table, &reasons, time, &json),
        _ if !table.can_be_published => format!(
            "\n# {name}: left out of the publication. It has no primary key, and publishing it would make its\n\
             # UPDATEs and DELETEs fail. Add a key, or set REPLICA IDENTITY FULL, and the whole row is its key;\n\
             # or, if its rows never change, publish it and say:\n\
             # [tables.{}]\n# mode = \"append\"\n",
            quoted(&name)
        ),
        _ if json.is_empty() => format!("\n# {name}: a mirror, {}.\n", size(table)),
        _ => {
            let mut text = format!(
                "\n# {name}: a mirror, {}.\n[tables.{}.columns]\n",
                size(table),
                quoted(&name)
            );
            json.iter().for_each(|column| text += &json_line(column, &column.name));
            text
        }
    }
}

fn append(table: &Surveyed, reasons: &[String], time: &str, json: &[&SurveyedColumn]) -> String {
    let name = table.name.to_string();
    let mut text = format!("\n# {name} looks like facts: {}.\n", reasons.join("; "));
    text += "# Append keeps every row once; if rows do change, remove this section and it is mirrored.\n";
    let _ = write!(text, "[tables.{}]\nmode = \"append\"\n", quoted(&name));
    let mut order: Vec<&str> = Vec::new();
    if let Some(kind) = table.columns.iter().find(|column| is_kind(column)) {
        let _ = writeln!(
            text,
            "# {} first: questions about events name the kind, then the time.",
            kind.name
        );
        order.push(&kind.name);
    }
    order.push(time);
    let order: Vec<String> = order.into_iter().map(quoted).collect();
    let _ = writeln!(text, "order_by = [{}]", order.join(", "));
    let expression = match plain(time) {
        true => time.to_owned(),
        false => store::ddl::ident(time),
    };
    let _ = writeln!(text, "partition_by = {}", quoted(&format!("toYYYYMM({expression})")));
    if !json.is_empty() {
        let _ = writeln!(text, "[tables.{}.columns]", quoted(&name));
        json.iter().for_each(|column| text += &json_line(column, &column.name));
    }
    let is_taken = |name: &&str| table.columns.iter().any(|column| column.name == **name);
    let arrival = ARRIVALS.iter().find(|name| !is_taken(name)).unwrap_or(&ARRIVALS[0]);
    let _ = write!(
        text,
        "# When the row reached ClickHouse, which fills it: dbt goes on from there.\n\
         [tables.{}.extra_columns]\n{arrival} = \"DateTime DEFAULT now()\"\n",
        quoted(&name)
    );
    text
}

fn json_line(column: &SurveyedColumn, name: &str) -> String {
    let (_, of) = column.objects.unwrap_or_default();
    let key = if plain(name) { name.to_owned() } else { quoted(name) };
    format!("{key} = {{ type = \"JSON\" }}  # all of {of} sampled values are objects\n")
}

/// Why the table looks like facts; `None`: it does not, or nothing speaks for it.
fn evidence(table: &Surveyed) -> Option<Vec<String>> {
    if table.key.len() > 1 || table.updates > table.inserts / 1000 {
        return None;
    }
    let named =
        EVENT_WORDS.iter().any(|word| table.name.table.split('_').any(|part| part == *word));
    let proven = table.inserts >= ROWS_TO_PROVE && table.updates == 0;
    // The name alone says little of a table that is updated, and statistics alone little of a lookup table.
    if !(named || proven && table.deletes == 0 && table.rows >= 100 * ROWS_TO_PROVE) {
        return None;
    }
    let mut reasons = vec![match table.inserts {
        0 => "the server has counted no change of a row".to_owned(),
        _ => format!(
            "{} inserts, {} updates, {} deletes so far",
            table.inserts, table.updates, table.deletes
        ),
    }];
    if named {
        reasons.push("its name".to_owned());
    }
    let time = time_column(table)?;
    reasons.push(format!("{time} is a time that every row has"));
    reasons.push(size(table));
    Some(reasons)
}

/// The first NOT NULL timestamp that is not the row's own bookkeeping.
pub(super) fn time_column(table: &Surveyed) -> Option<&str> {
    let times = || {
        table
            .columns
            .iter()
            .filter(|column| column.not_null && column.type_name.starts_with("timestamp"))
            .map(|column| column.name.as_str())
    };
    times().find(|name| !name.starts_with("updated")).or_else(|| times().next())
}

/// `event_name`, `type`, `kind`: few values that questions name.
fn is_kind(column: &SurveyedColumn) -> bool {
    let words = ["event_name", "event_type", "event", "name", "type", "kind", "action"];
    column.not_null
        && words.contains(&column.name.as_str())
        && (column.type_name == "text" || column.type_name.starts_with("character varying"))
}

fn is_object(column: &SurveyedColumn) -> bool {
    column.objects.is_some_and(|(objects, of)| of > 0 && objects == of)
}

fn size(table: &Surveyed) -> String {
    format!(
        "about {}, {}",
        counted(table.rows.max(0) as u64, "row"),
        crate::talk::bytes(table.bytes.max(0) as u64)
    )
}

fn plain(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted += &format!("\\u{:04X}", control as u32),
            plain => quoted.push(plain),
        }
    }
    quoted + "\""
}
