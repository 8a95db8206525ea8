//! Every key that may be written: what checks a file and what the reference is made from.

mod alerts;
mod kafka;
mod source;

use super::near::nearest;
use super::schedule::{DEFAULT_COMMAND, DEFAULT_MAX_RUNTIME, DEFAULT_ZONE};
use super::transform::{DEFAULT_PROJECT, DEFAULT_SCHEMA};
use super::*;
use model::{Error, Result};
use toml::{Table, Value};

/// What a key holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Text,
    Texts,
    Number,
    NumberOrText,
    Flag,
    /// A section.
    Section,
    /// Any number of sections.
    Sections,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Text => "a text",
            Kind::Texts => "a list of texts",
            Kind::Number => "a whole number",
            Kind::NumberOrText => "a whole number or a text",
            Kind::Flag => "true or false",
            Kind::Section => "a section",
            Kind::Sections => "a list of sections",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Kind::Text => value.is_str(),
            Kind::Texts => {
                value.as_array().is_some_and(|list| list.iter().all(|item| item.is_str()))
            }
            Kind::Number => value.as_integer().is_some_and(|number| number >= 0),
            Kind::NumberOrText => Kind::Number.fits(value) || value.is_str(),
            Kind::Flag => value.is_bool(),
            Kind::Section => value.is_table(),
            Kind::Sections => value.as_array().is_some_and(|list| list.iter().all(Value::is_table)),
        }
    }
}

/// One key. `*` in a path is a name of the user's.
pub(crate) struct Key {
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    #[cfg_attr(not(test), expect(dead_code))]
    pub(crate) default: &'static str,
    #[cfg_attr(not(test), expect(dead_code))]
    pub(crate) doc: &'static str,
}

const fn key(path: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { path, kind, default, doc }
}

/// All of them, in the order of the reference.
pub(crate) fn all() -> impl Iterator<Item = &'static Key> {
    [source::KEYS, kafka::KEYS, KEYS, alerts::KEYS].into_iter().flatten()
}

const KEYS: &[Key] = &[
    key("store", Kind::Section, "", "Where rows are kept. Absent: the embedded ClickHouse."),
    key(
        "store.data_dir",
        Kind::Text,
        DEFAULT_DATA_DIR,
        "The embedded engine's directory, relative to this file, and where a running `millrace up` is found. One process at a time.",
    ),
    key(
        "store.database",
        Kind::Text,
        "{schema}",
        "The database of a table without `target`. `{schema}` stands for its schema in Postgres: `shop_{schema}`.",
    ),
    key(
        "store.url",
        Kind::Text,
        "",
        "A ClickHouse server instead of the embedded one: `https://user:${CH_PASSWORD}@host:8443`. Over `http` a \
         password goes only to this machine. See [docs/remote.md](remote.md).",
    ),
    key(
        "store.token",
        Kind::Text,
        "",
        "A JSON web token instead of a password (ClickHouse Cloud). Read again for each connection: \
         `${file:/run/secrets/token}`.",
    ),
    key(
        "store.ca_file",
        Kind::Text,
        "what the system trusts",
        "Certificates in PEM form of who signed the server's.",
    ),
    key(
        "store.cert_file",
        Kind::Text,
        "",
        "Our certificate in PEM form, for the user that `store.url` names. With `store.key_file`.",
    ),
    key("store.key_file", Kind::Text, "", "Its key, in PEM form."),
    key(
        "store.insert_quorum",
        Kind::NumberOrText,
        "one replica",
        "How many replicas of `store.url` have a row before it counts as written: a number, or `\"auto\"` for more than \
         half. See [docs/remote.md](remote.md).",
    ),
    key(
        "store.cluster",
        Kind::Text,
        "",
        "The cluster of `store.url` that keeps the rows, by its name in `system.clusters`. See [docs/remote.md](remote.md#a-cluster).",
    ),
    key(
        "tables",
        Kind::Section,
        "",
        "Every published table is a mirror under its own name unless a section here says otherwise.",
    ),
    key(
        "tables.*",
        Kind::Section,
        "",
        "One table, by its quoted name: `[tables.\"public.events\"]`.",
    ),
    key(
        "tables.*.mode",
        Kind::Text,
        "mirror",
        "`mirror`: the current row of each key (entities). `append`: every row once, never changed (facts). \
         `history`: every change of a row as a row of its own. See [docs/modes.md](modes.md).",
    ),
    key(
        "tables.*.deletes",
        Kind::Text,
        "apply",
        "Mirrors only. `apply`: what is deleted at the source goes. `keep`: it stays (an archive).",
    ),
    key(
        "tables.*.truncate",
        Kind::Text,
        "`apply` for mirrors without `deletes = \"keep\"`, else `keep`",
        "What a TRUNCATE at the source does: `apply`: the rows of before go. `keep`: they stay; a history gets a row \
         that says so.",
    ),
    key(
        "tables.*.on_update",
        Kind::Text,
        "ignore",
        "Append only: what becomes of an UPDATE of a row at the source; either way it is counted. `ignore`: the first \
         value stays. `append`: the row after it is one more row. `apply`: it takes the place of the one before.",
    ),
    key("tables.*.target", Kind::Text, "", "Its place in ClickHouse: `database.table`."),
    key(
        "tables.*.order_by",
        Kind::Texts,
        "the key; in a history the key and `_version`",
        "Append and history only: the sorting key. Columns by their name in ClickHouse, or expressions.",
    ),
    key(
        "tables.*.partition_by",
        Kind::Text,
        "",
        "A ClickHouse expression: `toYYYYMM(occurred_at)`.",
    ),
    key("tables.*.ttl", Kind::Text, "", "A ClickHouse TTL: `occurred_at + INTERVAL 2 YEAR`."),
    key(
        "tables.*.extra_columns",
        Kind::Section,
        "",
        "Columns that ClickHouse fills itself: name and `TYPE DEFAULT expression`.",
    ),
    key("tables.*.extra_columns.*", Kind::Text, "", "`ingest_ts = \"DateTime DEFAULT now()\"`."),
    key(
        "tables.*.columns",
        Kind::Section,
        "",
        "Columns that travel differently, by their name in Postgres.",
    ),
    key(
        "tables.*.columns.*",
        Kind::Section,
        "",
        "`properties = { name = \"properties_json\", type = \"JSON\" }`.",
    ),
    key("tables.*.columns.*.name", Kind::Text, "its name in Postgres", "Its name in ClickHouse."),
    key(
        "tables.*.columns.*.type",
        Kind::Text,
        "see docs/types.md",
        "Its type in ClickHouse, one of those [that change no value](types.md#types-to-choose). What becomes of a value that it cannot hold says \
         `on_unrepresentable`. A NULL in a type without `Nullable(…)` is such a value, unless there is a `default`. A key of a mirror takes only types in which no two of its values are one.",
    ),
    key(
        "tables.*.columns.*.on_unrepresentable",
        Kind::Text,
        "`clamp` for times, `quarantine` for those by which rows are told apart and for everything else",
        "What becomes of a value that the column cannot carry exactly. `quarantine`: its row is set aside with the \
         reason (`millrace quarantine`). `null`: it becomes NULL, or the `default`, and is counted; the type has to be \
         Nullable. `clamp`: a timestamp or date outside 1900..2299 becomes the nearest that there is, and is counted. \
         `stop`: the table stops and says why. It is for the rows that come from now on: `millrace resync` for the others.",
    ),
    key(
        "tables.*.columns.*.default",
        Kind::Text,
        "",
        "What a NULL becomes, as a constant of ClickHouse's: `\"''\"`, `\"0\"`, `\"toDate('1970-01-01')\"`. The column \
         is not Nullable then, and has this DEFAULT. Each NULL that became it is counted. A column that exists already \
         takes another default by `millrace resync`.",
    ),
    key(
        "tables.*.columns.*.exclude",
        Kind::Flag,
        "false",
        "Leave it out. Not possible for a mirror's key.",
    ),
    key("serve", Kind::Section, "", "Where it answers, and to whom. Port 0 takes a free one."),
    key(
        "serve.clickhouse",
        Kind::Text,
        DEFAULT_CLICKHOUSE,
        "ClickHouse's HTTP protocol: for curl, dbt, Grafana, clickhouse-connect. Without users it has to be a loopback \
         address, and everybody is `default` without a password, with all rights. Not where the store is a server: that \
         is asked itself.",
    ),
    key(
        "serve.clickhouse_tls",
        Kind::Text,
        "",
        "The same over TLS, beside it: `0.0.0.0:8443`. With `serve.cert_file` and `serve.key_file`. On an address \
         that other machines reach it needs users, too.",
    ),
    key(
        "serve.cert_file",
        Kind::Text,
        "",
        "The certificate that `serve.clickhouse_tls` shows, with those between it and its authority's, in PEM form. \
         Looked at with each connection: a renewed one needs no restart.",
    ),
    key("serve.key_file", Kind::Text, "", "Its key, in PEM form."),
    key(
        "serve.client_ca_file",
        Kind::Text,
        "clients need no certificate",
        "Certificates in PEM form of who signs clients': without one of those nobody comes in at \
         `serve.clickhouse_tls`. Passwords are asked for as ever.",
    ),
    key(
        "serve.ui",
        Kind::Text,
        DEFAULT_UI,
        "The page: dashboards, the pipe, runs, alerts; and `/healthz`, `/readyz`, `/metrics`, the API. Without users a \
         loopback address; with them, any, behind a proxy that speaks TLS.",
    ),
    key(
        "serve.ui_prefix",
        Kind::Text,
        "",
        "Where a reverse proxy has the page: `/millrace`. It may take that away from paths or leave it.",
    ),
    key(
        "serve.ui_user_header",
        Kind::Text,
        "",
        "A reverse proxy logs people in, and names the user in this header: `X-Forwarded-User`. The user has to be one of \
         the door's. With `serve.ui_proxies`.",
    ),
    key(
        "serve.ui_proxies",
        Kind::Texts,
        "",
        "The addresses of that proxy. From any other one the header is refused.",
    ),
    key(
        "serve.users",
        Kind::Section,
        "",
        "Who may come in at `serve.clickhouse`; more can be made by SQL. With any of them, everybody needs a password. \
         See [docs/access.md](access.md).",
    ),
    key(
        "serve.users.*",
        Kind::Section,
        "",
        "A user, by name. One of the four passwords is needed.",
    ),
    key("serve.users.*.password", Kind::Text, "", "In plain text: `${file:/run/secrets/ann}`."),
    key("serve.users.*.password_sha256_hex", Kind::Text, "", "`echo -n PASSWORD | sha256sum`"),
    key(
        "serve.users.*.password_double_sha1_hex",
        Kind::Text,
        "",
        "As ClickHouse has it for MySQL's clients.",
    ),
    key(
        "serve.users.*.password_bcrypt",
        Kind::Text,
        "",
        "`htpasswd -nbBC 10 ann PASSWORD`, without the name.",
    ),
    key(
        "serve.users.*.roles",
        Kind::Texts,
        "",
        "`admin` (everything), `editor` (reads all data; writes what is granted), `viewer` (reads what is granted), or \
         roles of one's own.",
    ),
    key(
        "serve.users.*.grants",
        Kind::Texts,
        "",
        "In ClickHouse's words, without GRANT and TO: `\"SELECT ON shop.*\"`, `\"SELECT(id, name) ON hr.people\"`.",
    ),
    key("serve.users.*.filters", Kind::Section, "", "Which rows of a table she sees."),
    key(
        "serve.users.*.filters.*",
        Kind::Text,
        "",
        "`\"shop.orders\" = \"region = 'EU'\"`: a condition for `database.table`.",
    ),
    key(
        "serve.users.*.quotas",
        Kind::Texts,
        "",
        "What may be used in a time: `\"FOR INTERVAL 1 hour MAX queries = 1000, read_rows = 1e9, execution_time = 600\"`. Also \
         `result_rows`, `read_bytes`, `errors`.",
    ),
    key("serve.users.*.max_threads", Kind::Number, "", "The most threads of a statement."),
    key("serve.users.*.max_memory_usage", Kind::Number, "", "The most bytes of a statement."),
    key(
        "serve.users.*.max_execution_time",
        Kind::Number,
        "600, for admins none",
        "The most seconds of a statement.",
    ),
    key("serve.users.*.max_rows_to_read", Kind::Number, "", "Of a statement."),
    key("serve.users.*.max_bytes_to_read", Kind::Number, "", "Of a statement."),
    key("serve.users.*.max_result_rows", Kind::Number, "", "Of a statement."),
    key("serve.users.*.max_result_bytes", Kind::Number, "", "Of a statement."),
    key(
        "serve.roles",
        Kind::Section,
        "",
        "Roles of one's own; `admin`, `editor` and `viewer` may get limits here.",
    ),
    key("serve.roles.*", Kind::Section, "", "A role, by name: what a user has, but no password."),
    key("serve.roles.*.roles", Kind::Texts, "", "Roles that it has itself."),
    key("serve.roles.*.grants", Kind::Texts, "", "As of a user."),
    key("serve.roles.*.filters", Kind::Section, "", "As of a user."),
    key("serve.roles.*.filters.*", Kind::Text, "", "As of a user."),
    key("serve.roles.*.quotas", Kind::Texts, "", "As of a user; each of its users has her own."),
    key("serve.roles.*.max_threads", Kind::Number, "", "As of a user, unless she has one."),
    key("serve.roles.*.max_memory_usage", Kind::Number, "", "As of a user, unless she has one."),
    key("serve.roles.*.max_execution_time", Kind::Number, "", "As of a user, unless she has one."),
    key("serve.roles.*.max_rows_to_read", Kind::Number, "", "As of a user, unless she has one."),
    key("serve.roles.*.max_bytes_to_read", Kind::Number, "", "As of a user, unless she has one."),
    key("serve.roles.*.max_result_rows", Kind::Number, "", "As of a user, unless she has one."),
    key("serve.roles.*.max_result_bytes", Kind::Number, "", "As of a user, unless she has one."),
    key("limits", Kind::Section, "", "How much memory may be used."),
    key(
        "limits.stream_memory_mib",
        Kind::Number,
        "256",
        "Rows on their way from Postgres to the store, in MiB. A larger transaction is written in pieces.",
    ),
    key(
        "limits.engine_memory_mib",
        Kind::Number,
        "half of the machine's, at least 1024",
        "What the embedded engine may take, in MiB.",
    ),
    key(
        "spool",
        Kind::Section,
        "",
        "The log on this machine's disk while `store.url` is away, so that Postgres need not keep it. Absent: Postgres \
         keeps it. See [docs/remote.md](remote.md#while-the-server-is-away).",
    ),
    key(
        "spool.max_bytes",
        Kind::Number,
        "none: no spool",
        "How much of the log may lie under `store.data_dir`, in `spool/`, packed. When it is full, Postgres keeps the rest. \
         At least 1048576.",
    ),
    key(
        "transform",
        Kind::Section,
        "",
        "The team's dbt project, run by `millrace transform`. See [docs/transform.md](transform.md).",
    ),
    key("transform.project", Kind::Text, DEFAULT_PROJECT, "Its folder, relative to this file."),
    key(
        "transform.dbt",
        Kind::Text,
        "a private one",
        "A dbt of your own. Absent: the one that `millrace transform setup` installs.",
    ),
    key(
        "transform.schema",
        Kind::Text,
        DEFAULT_SCHEMA,
        "The database of models that name none (dbt's `target.schema`).",
    ),
    key(
        "transform.threads",
        Kind::Number,
        "half of the cores",
        "How many models dbt builds at once. The stream has the other cores.",
    ),
    key(
        "transform.user",
        Kind::Text,
        "the one of `store.url`, or `default`",
        "Whom dbt comes as. With `[serve.users]`: one who may write where the models are (role `editor`).",
    ),
    key(
        "transform.password",
        Kind::Text,
        "",
        "Hers: `${DBT_PASSWORD}`. It reaches dbt in a variable, never on a command line or on disk.",
    ),
    key(
        "transform.zone",
        Kind::Text,
        DEFAULT_ZONE,
        "The time zone of `cron` and `window`: `Europe/Berlin`.",
    ),
    key(
        "transform.schedule",
        Kind::Sections,
        "",
        "What `millrace up` has dbt build by itself, and when. See [docs/transform.md](transform.md#schedules).",
    ),
    key(
        "transform.schedule.name",
        Kind::Text,
        "what it selects",
        "What it is called in `status`, metrics and `millrace.runs`.",
    ),
    key(
        "transform.schedule.select",
        Kind::Text,
        "everything",
        "As dbt selects: `tag:fast`, `marts.orders+`.",
    ),
    key(
        "transform.schedule.command",
        Kind::Text,
        DEFAULT_COMMAND,
        "What dbt does: `build`, `run`, `test`, `snapshot`, `source freshness`.",
    ),
    key(
        "transform.schedule.every",
        Kind::Text,
        "",
        "From one beginning to the next: `5m`, `1h`, `1d`. What was missed is made up for once. This or `cron`.",
    ),
    key(
        "transform.schedule.cron",
        Kind::Text,
        "",
        "Five fields, as cron reads them: `15 4 * * *`.",
    ),
    key(
        "transform.schedule.window",
        Kind::Text,
        "the whole day",
        "When it may run: `22:00-05:00`. A run that is not done by then is ended, as at `max_runtime`.",
    ),
    key(
        "transform.schedule.max_runtime",
        Kind::Text,
        DEFAULT_MAX_RUNTIME,
        "A run that takes longer is ended, with all that it has started.",
    ),
    key("transform.schedule.after", Kind::Text, "", "`copied`: not before every table streams."),
    key(
        "transform.schedule.sla",
        Kind::Text,
        "",
        "How long a run should take at most: `10m`. One that takes longer is counted, and goes on.",
    ),
];

/// Whether every key is known and holds what it should. The first that does not is the error.
pub(super) fn check(table: &Table) -> Result<()> {
    check_section(table, "", "")
}

/// `pattern` is the section's path with `*` for names, `shown` the one that the user wrote.
fn check_section(table: &Table, pattern: &str, shown: &str) -> Result<()> {
    for (name, value) in table {
        let shown = join(shown, &quoted(name));
        let Some(key) = find(pattern, name) else {
            return Err(unknown(pattern, name, &shown));
        };
        if !key.kind.fits(value) {
            return Err(Error::definite(format!(
                "cannot use {shown}: it wants {}, not {}",
                key.kind.name(),
                value.type_str()
            )));
        }
        let sections = value.as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(value));
        for section in sections.iter().filter_map(Value::as_table) {
            check_section(section, key.path, &shown)?;
        }
    }
    Ok(())
}

fn find(pattern: &str, name: &str) -> Option<&'static Key> {
    let (exact, any) = (join(pattern, name), join(pattern, "*"));
    // A name of the user's may hold dots, and then looks like a path.
    let by_path = |path: &str| all().find(|key| key.path == path);
    by_path(&any).or_else(|| if name.contains('.') { None } else { by_path(&exact) })
}

fn unknown(pattern: &str, name: &str, shown: &str) -> Error {
    let siblings: Vec<&str> = all()
        .filter_map(|key| match key.path.rsplit_once('.') {
            Some((parent, last)) => (parent == pattern).then_some(last),
            None => pattern.is_empty().then_some(key.path),
        })
        .collect();
    let error = Error::definite(format!("cannot use {shown}: there is no such key"));
    match nearest(name, &siblings) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(format!("known here: {}", siblings.join(", "))),
    }
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

fn quoted(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match !name.is_empty() && name.bytes().all(bare) {
        true => name.to_owned(),
        false => format!("{name:?}"),
    }
}
