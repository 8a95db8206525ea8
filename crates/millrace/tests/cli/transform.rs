//! What is told of a dbt that does not run well, with one of ours in its place.

use crate::{err, millrace};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn project(folder: &Path, dbt: &str) {
    let text = "[source]\nurl = \"${DATABASE_URL}\"\n[transform]\ndbt = \"./dbt.sh\"\n";
    std::fs::write(folder.join("millrace.toml"), text).unwrap();
    std::fs::create_dir(folder.join("dbt")).unwrap();
    std::fs::write(folder.join("dbt/dbt_project.yml"), "").unwrap();
    std::fs::write(folder.join("dbt.sh"), dbt).unwrap();
    std::fs::set_permissions(folder.join("dbt.sh"), PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn who_is_killed_may_have_been_too_large() {
    for (signal, hint) in [(9, "hint: if nobody killed it, the kernel may have"), (15, "hint: run")]
    {
        let folder = tempfile::tempdir().unwrap();
        project(folder.path(), &format!("#!/bin/sh\nkill -{signal} $$\n"));
        let run = millrace(folder.path(), &["transform", "parse"]);
        assert_eq!(run.status.code(), Some(2), "{}", err(&run));
        assert!(err(&run).contains(&format!("dbt was ended by signal {signal}")), "{}", err(&run));
        assert!(err(&run).contains(hint), "{}", err(&run));
    }
}

/// The store was a server when `up` began.
#[test]
fn a_pipeline_without_a_door_says_how_to_come_to_one() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path(), "#!/bin/sh\n");
    let ops = TcpListener::bind("127.0.0.1:0").unwrap();
    let note = serde_json::json!({"pid": std::process::id(), "ui": ops.local_addr().unwrap()});
    std::fs::create_dir(folder.path().join(".millrace")).unwrap();
    std::fs::write(folder.path().join(".millrace/up.json"), note.to_string()).unwrap();
    let run = millrace(folder.path(), &["transform", "build"]);
    assert_eq!(run.status.code(), Some(2), "{}", err(&run));
    assert!(err(&run).contains("has no door for it"), "{}", err(&run));
    assert!(err(&run).contains("clickhouse = \"127.0.0.1:8123\" under [serve]"), "{}", err(&run));
}
