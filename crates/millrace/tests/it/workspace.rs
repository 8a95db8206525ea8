//! The map of the workspace, kept true: which crate may know which, and what no file may do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// `model ← {source, store} ← flow ← serve ← millrace`; source and store never meet. `model ←
/// {lint, transform, alerts, grafana} ← millrace` beside it: a migration is judged without a database, dbt is a client as any,
/// alerts are given what answers their queries.
const MAY_KNOW: [(&str, &[&str]); 11] = [
    ("model", &[]),
    ("source", &["model"]),
    ("store", &["model"]),
    // The tuples between Postgres and Kafka are the source's.
    ("bus", &["model", "source"]),
    ("flow", &["model", "source", "store", "bus"]),
    // Not source: what people and tools see comes from flow and store.
    ("grafana", &["model"]),
    ("serve", &["model", "store", "flow", "grafana", "alerts"]),
    ("lint", &["model"]),
    ("transform", &["model"]),
    ("alerts", &["model"]),
    (
        "millrace",
        &["model", "source", "bus", "store", "flow", "serve", "grafana", "lint", "transform"],
    ),
];

/// The names in `[dependencies]` and its kin, without those of tests.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut counts = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            counts = section.contains("dependencies") && !section.contains("dev-dependencies");
        } else if counts && let Some((name, _)) = line.split_once(['.', '=', ' ']) {
            found.insert(name.trim().to_owned());
        }
    }
    found
}

#[test]
fn no_crate_knows_one_that_it_must_not() {
    let ours: BTreeSet<&str> = MAY_KNOW.iter().map(|(name, _)| *name).collect();
    let folders: BTreeSet<String> = std::fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, ours.iter().map(|name| (*name).to_owned()).collect());
    for (name, may_know) in MAY_KNOW {
        let path = root().join("crates").join(name).join("Cargo.toml");
        let known = dependencies(&std::fs::read_to_string(path).unwrap());
        // What serves the tests never ends up in the product.
        for tool in ["clickhouse", "cluster", "contract", "harness", "bench", "proptest"] {
            assert!(!known.contains(tool), "{name} depends on {tool}");
        }
        for other in known.iter().filter(|other| ours.contains(other.as_str())) {
            assert!(may_know.contains(&other.as_str()), "{name} must not know {other}");
        }
    }
}

#[test]
fn manifests_are_read_as_cargo_reads_them() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\nc = { path = \"..\" }\n[dev-dependencies]\nd = \"1\"";
    let found: Vec<String> = dependencies(manifest).into_iter().collect();
    assert_eq!(found, ["a", "b", "c"]);
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["crates", "tests", "bench", "examples"].map(|name| root().join(name)).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 40, "the walk found only {} files", found.len());
    found.sort();
    found
}

#[test]
fn every_file_opens_with_its_reason_and_stays_small() {
    let mut wrong = Vec::new();
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        if !text.starts_with("//! ") && !text.starts_with("#![") {
            wrong.push(format!("{shown} does not open with //!"));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{shown} has {lines} lines, more than {LINES_MAX}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_files_of_foreign_calls_are_unsafe() {
    // In two pieces, or this file would find itself.
    let word = concat!("un", "safe");
    let marks = [" {", " fn", " impl", " extern", " trait", "_code)"];
    let mut found = BTreeSet::new();
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        if code.into_iter().any(|l| marks.iter().any(|m| l.contains(&format!("{word}{m}")))) {
            found.insert(path.strip_prefix(root()).unwrap().display().to_string());
        }
    }
    let only: Vec<String> = found.into_iter().collect();
    // The first is one call of librdkafka, the last one starts servers for tests.
    let allowed = [
        "crates/bus/src/write/drained.rs",
        "crates/store/src/embedded/abi.rs",
        "tests/clickhouse/src/local.rs",
    ];
    assert_eq!(only, allowed);
}

/// Each test that `docs/pains.md` names exists, and names the pain itself.
#[test]
fn pains_are_tested() {
    let page = std::fs::read_to_string(root().join("docs/pains.md")).unwrap();
    let (mut rows, mut wrong) = (0, Vec::new());
    for line in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, _, _, tests] = cells[..] else { panic!("{line}") };
        let Ok(number) = number.parse::<u32>() else { continue };
        rows += 1;
        assert_eq!(rows, number, "they are numbered");
        let tests: Vec<&str> = tests.split(", ").map(|test| test.trim_matches('`')).collect();
        for test in &tests {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{test}"));
            let text = std::fs::read_to_string(root().join("crates").join(file));
            if !names(&text.unwrap_or_default(), name, number) {
                wrong.push(format!("{test} does not say docs/pains.md {number}"));
            }
        }
    }
    assert_eq!(rows, 17);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the test of that name is there and its comment names the pain.
fn names(text: &str, test: &str, pain: u32) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_it = |line: &&str| line.trim_start_matches("async ").starts_with(&format!("fn {test}("));
    let Some(at) = lines.iter().position(is_it) else { return false };
    let head = lines[..at].iter().rev().take_while(|line| line.starts_with(['/', '#']));
    let head: Vec<&str> = head.copied().collect();
    let said = head.iter().find_map(|line| line.strip_prefix("/// docs/pains.md "));
    let is_test = head.iter().any(|line| line.starts_with("#[test]") || line.contains("::test("));
    is_test && said.is_some_and(|said| said.split(", ").any(|said| said == pain.to_string()))
}

#[test]
fn a_test_is_one_only_with_its_mark() {
    let text = "/// Why.\n///\n/// docs/pains.md 1, 12\n#[test]\nfn kept() {\n}\n/// docs/pains.md 1\nfn none() {";
    assert!(names(text, "kept", 1) && names(text, "kept", 12));
    assert!(!names(text, "kept", 2) && !names(text, "none", 1) && !names(text, "gone", 1));
}
