//! What may be written, what it means, and what is said when it may not.

use super::*;
use store::remote::{Hidden, Login, Quorum};

const SHOP: &str = include_str!("../../../../examples/shop/millrace.toml");

fn parse(text: &str) -> Result<Config> {
    Config::parse(text, Path::new("/project"))
}

fn with_source(rest: &str) -> String {
    format!("[source]\nurl = \"postgres://ann@127.0.0.1/shop\"\n{rest}")
}

#[test]
fn the_shops_file_is_the_designs_example() {
    let config = parse(SHOP).unwrap();
    assert_eq!(config.source.publication, "millrace");
    assert_eq!(config.store.data_dir, Path::new("/project/.millrace"));
    assert_eq!(config.serve.clickhouse.to_string(), "127.0.0.1:8123");
    let events = &config.tables["public.events"];
    assert_eq!(events.mode, model::Mode::Append);
    assert_eq!(events.target.as_ref().unwrap().to_string(), "analytics.events");
    assert_eq!(events.order_by, ["event_name", "occurred_at", "user_id"]);
    assert_eq!(events.partition_by.as_deref(), Some("toYYYYMM(occurred_at)"));
    assert_eq!(events.extra_columns["ingest_ts"], "DateTime DEFAULT now()");
    assert_eq!(events.columns["properties"].name.as_deref(), Some("properties_json"));
    let types: Vec<_> =
        events.columns.values().map(|column| column.clickhouse_type.as_deref().unwrap()).collect();
    assert_eq!(types, ["LowCardinality(String)", "DateTime64(3, 'UTC')", "JSON", "String"]);
}

#[test]
fn unknown_keys_are_named_with_their_path_and_the_nearest_known_one() {
    let cases = [
        ("[sourc]\n", "cannot use sourc: there is no such key", "did you mean source?"),
        (
            "[source]\npublicaton = \"x\"",
            "cannot use source.publicaton: there is no such key",
            "did you mean publication?",
        ),
        (
            "[tables.\"public.events\"]\npartition = \"x\"",
            "cannot use tables.\"public.events\".partition: there is no such key",
            "did you mean partition_by?",
        ),
        (
            "[tables.\"public.events\".columns]\nuser_id = { typ = \"String\" }",
            "cannot use tables.\"public.events\".columns.user_id.typ: there is no such key",
            "did you mean type?",
        ),
        (
            "[serve]\nzzzzzzzz = 1",
            "cannot use serve.zzzzzzzz: there is no such key",
            "known here: clickhouse, clickhouse_tls, cert_file, key_file, client_ca_file, ui, ui_prefix, ui_user_header, ui_proxies, users, roles",
        ),
    ];
    for (text, what, hint) in cases {
        let error = parse(text).unwrap_err();
        assert_eq!((error.what(), error.hint_text()), (what, Some(hint)));
    }
}

#[test]
fn wrong_types_are_named_with_their_path() {
    let error = parse("[source]\nurl = 5").unwrap_err();
    assert_eq!(error.what(), "cannot use source.url: it wants a text, not integer");
    let error = parse(&with_source("[tables.\"public.t\"]\norder_by = \"id\"")).unwrap_err();
    assert!(
        error.what().contains("tables.\"public.t\".order_by: it wants a list of texts"),
        "{error}"
    );
    let error = parse(&with_source("[limits]\nstream_memory_mib = -1")).unwrap_err();
    assert!(error.what().contains("limits.stream_memory_mib"), "{error}");
}

#[test]
fn what_is_not_allowed_says_why() {
    let cases = [
        ("", "cannot find source.url"),
        ("[source]\nurl = \"${vault:db#url}\"", "vault"),
        (&with_source("slot = \"Bad-Slot\""), "source.slot"),
        (&with_source("[store]\ncluster = \"prod\""), "store.cluster without store.url"),
        (&with_source("[store]\ntoken = \"${TOKEN}\""), "store.token without store.url"),
        (
            &with_source("[store]\nurl = \"https://ch\"\ncert_file = \"c.pem\""),
            "store.cert_file and store.key_file alone",
        ),
        (
            &with_source("[serve]\nclickhouse = \"0.0.0.0:8123\""),
            "cannot serve serve.clickhouse on 0.0.0.0:8123",
        ),
        (
            &with_source(
                "[store]\nurl = \"https://ch\"\n[serve.users.ann]\npassword = \"${file:/dev/null}\"",
            ),
            "cannot keep users of serve.users beside store.url",
        ),
        (&with_source("[serve]\nui = \"nonsense\""), "\"nonsense\" is no address"),
        (&with_source("[tables.events]\nmode = \"append\""), "the schema is missing"),
        (&with_source("[tables.\"a.b\"]\nmode = \"mirrored\""), "tables.\"a.b\".mode"),
        (&with_source("[tables.\"a.b\"]\ntarget = \"events\""), "tables.\"a.b\".target"),
        (&with_source("[limits]\nengine_memory_mib = 1"), "limits.engine_memory_mib"),
        (&with_source("[spool]\nmax_bytes = 5000000"), "without store.url"),
        (
            &with_source("[store]\nurl = \"http://127.0.0.1:1\"\n[spool]\nmax_bytes = 5"),
            "spool.max_bytes",
        ),
        (
            &with_source("[[sink.kafka]]\nbrokers = \"k\"\ntopic_prefix = \"p\"\nspool_mib = 5"),
            "sink.kafka.spool_mib for a sink that is required",
        ),
    ];
    for (text, what) in cases {
        let error = parse(text).unwrap_err();
        assert!(error.report().contains(what), "{text}: {}", error.report());
    }
}

#[test]
fn a_syntax_error_names_the_line_and_shows_nothing_of_it() {
    let error = parse("[source]\nurl = \"postgres://ann:topsecret@db/shop\nslot = 1").unwrap_err();
    assert!(error.what().contains("line 2"), "{}", error.report());
    assert!(!error.report().contains("topsecret"), "{}", error.report());
}

#[test]
fn a_literal_password_draws_a_warning_and_is_never_printed() {
    let config = parse("[source]\nurl = \"postgres://ann:topsecret@db/shop\"").unwrap();
    assert_eq!(config.warnings.len(), 1);
    assert!(!format!("{config:?}").contains("topsecret"));
    assert!(parse("[source]\nurl = \"${DATABASE_URL}\"").unwrap().warnings.is_empty());
}

#[test]
fn loopback_names_and_port_zero_are_fine() {
    let config = parse(&with_source("[serve]\nclickhouse = \"localhost:0\"\nui = \"[::1]:0\""));
    let serve = config.unwrap().serve;
    assert_eq!(serve.clickhouse.to_string(), "127.0.0.1:0");
    assert_eq!(serve.ui.to_string(), "[::1]:0");
}

#[test]
fn a_port_with_tls_has_a_certificate_and_keeps_strangers_out() {
    for (section, why) in [
        ("clickhouse_tls = \"127.0.0.1:0\"", "without a certificate"),
        ("clickhouse_tls = \"127.0.0.1:0\"\ncert_file = \"a.pem\"", "without a certificate"),
        ("cert_file = \"a.pem\"\nkey_file = \"a.key\"", "without serve.clickhouse_tls"),
        ("client_ca_file = \"a.pem\"", "without serve.clickhouse_tls"),
        (
            "clickhouse_tls = \"0.0.0.0:0\"\ncert_file = \"a.pem\"\nkey_file = \"a.key\"",
            "There are no users",
        ),
    ] {
        let error = parse(&with_source(&format!("[serve]\n{section}"))).unwrap_err();
        assert!(error.report().contains(why), "{section}: {}", error.report());
    }
}

const USERS: &str = "[serve.users.ann]\npassword_sha256_hex = \"30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4\"\n\
    roles = [\"viewer\"]\ngrants = [\"SELECT ON shop.*\"]\nmax_threads = 2\n\
    [serve.users.ann.filters]\n\"shop.orders\" = \"region = 'EU'\"\n";

#[test]
fn users_come_with_passwords_and_open_the_door_to_other_machines() {
    let config = parse(&with_source(USERS)).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(config.serve.users.file().unwrap().users.contains_key("ann"));
    let open = with_source(&format!("[serve]\nclickhouse = \"0.0.0.0:8123\"\n{USERS}"));
    let config = parse(&open).unwrap();
    assert_eq!(config.serve.clickhouse.to_string(), "0.0.0.0:8123");
    assert!(config.warnings[0].contains("unencrypted"), "{:?}", config.warnings);
    let sealed =
        "[serve]\nclickhouse_tls = \"0.0.0.0:8443\"\ncert_file = \"a.pem\"\nkey_file = \"a.key\"\n";
    let config = parse(&with_source(&format!("{sealed}{USERS}"))).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let (place, files) = config.serve.clickhouse_tls.unwrap();
    assert_eq!(place.to_string(), "0.0.0.0:8443");
    assert!(files.certificate.ends_with("a.pem") && files.client_ca.is_none(), "{files:?}");
}

#[test]
fn the_page_is_for_this_machine_until_there_are_users() {
    let error = parse(&with_source("[serve]\nui = \"0.0.0.0:3000\"\n")).unwrap_err();
    assert!(error.report().contains("cannot serve serve.ui"), "{}", error.report());
    let proxy = "[serve]\nui = \"0.0.0.0:3000\"\nui_prefix = \"/mill/\"\nui_user_header = \"X-User\"\n\
                 ui_proxies = [\"10.0.0.1\", \"::1\"]\n";
    let config = parse(&with_source(&format!("{proxy}{USERS}"))).unwrap();
    assert!(config.warnings[0].contains("serve.ui on 0.0.0.0:3000"), "{:?}", config.warnings);
    assert_eq!(config.serve.ui_prefix, "/mill");
    assert_eq!(config.serve.ui_proxy.unwrap().addresses.len(), 2);
    for (lines, why) in [
        ("ui_prefix = \"mill\"", "is no path"),
        ("ui_prefix = \"/a\\\"b\"", "is no path"),
        ("ui_prefix = \"/api\"", "is no path"),
        ("ui_prefix = \"/api/x\"", "is no path"),
        ("ui_prefix = \"//host\"", "is no path"),
        ("ui_prefix = \"/a/../b\"", "is no path"),
        ("ui_proxies = [\"10.0.0.1\"]", "without serve.ui_user_header"),
        ("ui_user_header = \"X-User\"", "nobody is trusted"),
        ("ui_user_header = \"X User\"\nui_proxies = [\"::1\"]", "no name of a header"),
        ("ui_user_header = \"X-User\"\nui_proxies = [\"localhost\"]", "they are addresses"),
    ] {
        let error = parse(&with_source(&format!("[serve]\n{lines}\n{USERS}"))).unwrap_err();
        assert!(error.report().contains(why), "{lines}: {}", error.report());
    }
    let nobody = "[serve]\nui_user_header = \"X-User\"\nui_proxies = [\"::1\"]";
    assert!(parse(&with_source(nobody)).unwrap_err().report().contains("there are no users"));
}

#[test]
fn what_is_wrong_with_a_user_is_named_and_no_password_is_printed() {
    let plain = with_source("[serve.users.ann]\npassword = \"topsecret\"");
    let config = parse(&plain).unwrap();
    assert!(config.warnings[0].contains("serve.users.ann.password stands in plain text"));
    let file = config.serve.users.file().unwrap();
    assert!(!format!("{config:?} {file:?}").contains("topsecret"));
    for (text, what) in [
        ("[serve.users.ann]\nroles = [\"admin\"]", "it has no password"),
        ("[serve.users.ann]\npassword = \"a\"\npassword_bcrypt = \"b\"", "two passwords"),
        ("[serve.users.ann]\npassword = \"a\"\nroles = [\"nosuch\"]", "There is no role nosuch"),
        (
            "[serve.users.ann]\npassword = \"a\"\ngrants = [\"FAKE ON a.b\"]",
            "serve.users.ann.grants",
        ),
        ("[serve.roles.r]\ngrants = [\"SELECT ON millrace.*\"]", "serve.roles.r.grants"),
        ("[serve.roles.viewer]\ngrants = [\"SELECT ON a.*\"]", "serve.roles.viewer.grants"),
        ("[serve.roles.r]\nquotas = [\"lots\"]", "serve.roles.r.quotas"),
    ] {
        let error = parse(&with_source(text)).unwrap_err();
        assert!(error.report().contains(what), "{text}: {}", error.report());
    }
    let missing = with_source("[serve.users.ann]\npassword = \"${MILLRACE_NOT_SET_ANYWHERE}\"");
    let users = parse(&missing).unwrap().serve.users;
    assert!(users.file().unwrap_err().what().contains("serve.users.ann.password"));
    let hash = with_source("[serve.users.ann]\npassword_sha256_hex = \"topsecret\"");
    let error = parse(&hash).unwrap().serve.users.file().unwrap_err();
    assert!(!error.report().contains("topsecret"), "{}", error.report());
}

/// Every key that the list knows is one that the sections read, and the other way round.
#[test]
fn the_list_of_keys_and_the_sections_agree() {
    use keys::{Kind, all};
    let is_section = |kind| matches!(kind, Kind::Section | Kind::Sections);
    let is_listed = |path: &str| all().any(|key| key.path == path && key.kind == Kind::Sections);
    for key in all().filter(|key| !is_section(key.kind)) {
        let mut parts: Vec<&str> = key.path.split('.').collect();
        let last = parts.pop().unwrap();
        let value = match key.kind {
            Kind::Text => "\"x\"",
            Kind::Texts => "[\"x\"]",
            Kind::Number => "1024",
            Kind::NumberOrText => "2",
            Kind::Flag => "true",
            Kind::Section | Kind::Sections => unreachable!(),
        };
        let names = parts.iter().map(|part| part.replace('*', "\"a.b\""));
        let section = format!("[{}]", names.collect::<Vec<_>>().join("."));
        let section = if is_listed(&parts.join(".")) { format!("[{section}]") } else { section };
        // A list in a list has one of the outer one around it.
        let outer = (1..parts.len()).map(|n| parts[..n].join(".")).filter(|path| is_listed(path));
        let outer: String = outer.map(|path| format!("[[{path}]]\n")).collect();
        let text = format!("{outer}{section}\n{} = {value}", last.replace('*', "x"));
        let table: toml::Table = toml::from_str(&text).unwrap();
        keys::check(&table).unwrap_or_else(|error| panic!("{text}: {error}"));
        let read: std::result::Result<File, _> = table.try_into();
        assert!(read.is_ok(), "{text}: {}", read.err().unwrap());
    }
}

#[test]
fn the_reference_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    if std::env::var_os("MILLRACE_WRITE_DOCS").is_some() {
        std::fs::write(path, reference::reference()).unwrap();
    }
    let current = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        current == reference::reference(),
        "docs/configuration.md is not current: MILLRACE_WRITE_DOCS=1 cargo test -p millrace reference"
    );
}

#[test]
fn schedules_are_read_and_told_what_is_wrong_with_them() {
    let with = |text: &str| parse(&with_source(&format!("[[transform.schedule]]\n{text}")));
    let schedules = with("select = \"tag:fast\"\nevery = \"5m\"\nafter = \"copied\"")
        .unwrap()
        .transform
        .schedules;
    let [fast] = schedules.as_slice() else { panic!("{schedules:?}") };
    assert_eq!(fast.words(), ["build", "--select", "tag:fast"]);
    assert!(fast.after_copied && fast.name == "tag:fast" && fast.max_runtime == 3_600);
    for (text, what) in [
        ("select = \"a\"", "when the schedule a runs"),
        ("every = \"5m\"\ncron = \"* * * * *\"", "remove one"),
        ("every = \"1s\"", "less than 10 s"),
        ("every = \"often\"", "no span of time"),
        ("cron = \"61 * * * *\"", "schedule all: cannot read"),
        ("every = \"5m\"\nwindow = \"night\"", "no part of a day"),
        ("every = \"5m\"\nafter = \"lunch\"", "after = \"copied\""),
        ("every = \"5m\"\nsla = \"x\"", "sla of the schedule all"),
        ("every = \"5m\"\ncommand = \" \"", "It is empty"),
        ("every = \"5m\"\n[[transform.schedule]]\nevery = \"6m\"", "two schedules called all"),
        ("evry = \"5m\"", "did you mean every?"),
    ] {
        let report = with(text).map(|_| ()).unwrap_err().report();
        assert!(report.contains(what) && report.contains("\nhint: "), "{text}: {report}");
    }
    for (text, hint) in [
        ("password = \"${DBT_PASSWORD}\"", "user = \"dbt\""),
        ("threads = 0", "threads = 2"),
        ("schema = \"\"", "schema = \"marts\""),
    ] {
        let error = parse(&with_source(&format!("[transform]\n{text}"))).map(|_| ()).unwrap_err();
        assert!(error.hint_text().is_some_and(|told| told.contains(hint)), "{text}");
    }
    let zone = with_source("[transform]\nzone = \"Mars\"");
    assert!(parse(&zone).unwrap_err().report().contains("transform.zone"));
}

#[test]
fn what_is_done_with_changes_belongs_to_a_mode() {
    let with = |options: &str| parse(&with_source(&format!("[tables.\"public.t\"]\n{options}")));
    let table = |options: &str| with(options).unwrap().tables["public.t"].clone();
    let archive = table("deletes = \"keep\"");
    assert!(archive.keeps_deletes && archive.survives_truncate());
    assert!(!table("deletes = \"apply\"").survives_truncate());
    assert!(!table("deletes = \"keep\"\ntruncate = \"apply\"").survives_truncate());
    let history = table("mode = \"history\"");
    assert_eq!((history.mode, history.survives_truncate()), (model::Mode::History, true));
    let facts = table("mode = \"append\"\non_update = \"append\"");
    assert_eq!(facts.on_update, model::OnUpdate::Append);
    for (options, what, hint) in [
        ("mode = \"append\"\ndeletes = \"keep\"", "it is a setting of a mirror", "keeps what is"),
        ("mode = \"history\"\ndeletes = \"keep\"", "it is a setting of a mirror", "a history says"),
        ("on_update = \"apply\"", "it is a setting of an append table", "mode = \"append\""),
        ("deletes = \"kep\"", "deletes: \"kep\"", "did you mean \"keep\"?"),
        ("truncate = \"ignore it\"", "truncate: \"ignore it\"", "known: keep, apply"),
        (
            "mode = \"append\"\non_update = \"aply\"",
            "on_update: \"aply\"",
            "did you mean \"apply\"?",
        ),
    ] {
        let report = with(options).unwrap_err().report();
        assert!(report.contains(what) && report.contains(hint), "{options}: {report}");
    }
}

#[test]
fn what_cannot_be_asked_of_a_column_is_said_without_connecting() {
    let with = |options: &str| {
        parse(&with_source(&format!("[tables.\"public.t\".columns]\nc = {{ {options} }}")))
    };
    let config = with("type = \"Nullable(Int32)\", on_unrepresentable = \"null\"").unwrap();
    let column = &config.tables["public.t"].columns["c"];
    assert_eq!(column.on_unrepresentable, Some(model::Rule::Null));
    let config = with("on_unrepresentable = \"null\", type = \"Int32\", default = \"0\"").unwrap();
    assert_eq!(config.tables["public.t"].columns["c"].default.as_deref(), Some("0"));
    for (options, hint) in [
        ("on_unrepresentable = \"nul\"", "did you mean \"null\"?"),
        ("on_unrepresentable = \"ignore it\"", "known: quarantine, null, clamp, stop"),
        ("type = \"Int32\", on_unrepresentable = \"null\"", "type = \"Nullable(…)\", or a default"),
        ("type = \"Nullable(Int32)\", default = \"0\"", "take Nullable(…) away, or the default"),
        ("exclude = true, default = \"0\"", "remove one of them"),
        ("default = \"\"", "an empty text is default = \"''\""),
    ] {
        let error = with(options).unwrap_err();
        assert_eq!(error.hint_text(), Some(hint), "{}", error.report());
        assert!(error.what().contains("tables.\"public.t\".columns.c."), "{error}");
    }
}

#[test]
fn a_remote_store_says_where_and_as_whom() {
    let remote = |store: &str| parse(&with_source(&format!("[store]\n{store}")))?.remote(Some("s"));
    let options =
        remote("url = \"https://ann:p%40ss@ch.example\"\nca_file = \"ca.pem\"").unwrap().unwrap();
    assert_eq!(options.address.place(), "ch.example:8443");
    assert_eq!(options.slot.as_deref(), Some("s"));
    assert_eq!(options.certificates.ca.as_deref(), Some(Path::new("/project/ca.pem")));
    let login = (options.login)().unwrap();
    assert_eq!(login, Login::User("ann".into(), Hidden::new("p@ss")));
    assert!(!format!("{options:?} {login:?}").contains("p@ss"));
    assert_eq!(options.quorum, None);
    for (value, quorum) in [("2", Quorum::Of(2)), ("\"auto\"", Quorum::Majority)] {
        let store = format!("url = \"https://ch\"\ninsert_quorum = {value}");
        assert_eq!(remote(&store).unwrap().unwrap().quorum, Some(quorum));
    }
    let cluster = |store: &str| remote(store).unwrap().unwrap().cluster;
    assert_eq!(cluster("url = \"http://ch\"\ncluster = \"prod\""), Some("prod".into()));
    assert_eq!(cluster("url = \"http://ch\""), None);
    let login = |store: &str| (remote(store).unwrap().unwrap().login)().unwrap();
    assert_eq!(login("url = \"http://ch\""), Login::Nobody);
    assert_eq!(
        login("url = \"http://:x@127.0.0.1\""),
        Login::User("default".into(), Hidden::new("x"))
    );
    let certified = "url = \"https://ann@ch\"\ncert_file = \"c.pem\"\nkey_file = \"k.pem\"";
    assert_eq!(login(certified), Login::Certificate("ann".into()));
    for (store, what) in [
        ("url = \"http://ann:secret@ch\"", "over http"),
        ("url = \"http://ch\"\ntoken = \"secret\"", "over http"),
        ("url = \"https://a:secret@ch\"\ntoken = \"t\"", "store.token and with a password"),
        ("url = \"http://ch\"\nca_file = \"ca.pem\"", "certificates with http"),
        ("url = \"https://ch\"\ninsert_quorum = 1", "store.insert_quorum: 1"),
        ("url = \"https://ch\"\ninsert_quorum = \"all\"", "from 2 to 100, or"),
        ("insert_quorum = 2", "store.insert_quorum without store.url"),
        ("url = \"secret://ch\"", "[store] url: cannot read the address"),
    ] {
        let error = remote(store).unwrap_err();
        assert!(error.report().contains(what), "{store}: {}", error.report());
        assert!(!error.report().contains("secret"), "{}", error.report());
    }
    assert!(parse(&with_source("")).unwrap().remote(None).unwrap().is_none());
}

/// A token that was replaced in its file is the next connection's.
#[test]
fn a_token_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "one\n").unwrap();
    let store = format!("[store]\nurl = \"https://ch\"\ntoken = \"${{file:{}}}\"", file.display());
    let options = parse(&with_source(&store)).unwrap().remote(None).unwrap().unwrap();
    assert_eq!((options.login)().unwrap(), Login::Token(Hidden::new("one")));
    std::fs::write(&file, "two").unwrap();
    assert_eq!((options.login)().unwrap(), Login::Token(Hidden::new("two")));
}
