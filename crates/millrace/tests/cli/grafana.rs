//! To a real Grafana, and from one.

use crate::{err, millrace};
use serde_json::Value;
use std::path::Path;

const CONFIG: &str =
    "[source]\nurl = \"postgres://u@localhost/x\"\n[serve]\nclickhouse = \"127.0.0.1:9999\"\n";

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("millrace.toml"), CONFIG).unwrap();
    folder
}

fn run(folder: &Path, args: &[&str], code: i32) -> String {
    let output = millrace(folder, args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", err(&output));
    err(&output)
}

#[test]
fn a_dashboard_comes_in_and_goes_out_again() {
    let folder = project();
    let none = run(folder.path(), &["grafana", "export", "out"], 2);
    assert!(none.contains("there are no dashboards"), "{none}");
    let export = r#"{"dashboard": {"title": "Sales: by Day", "uid": "s", "panels": [{"type": "millrace-funnel-panel"}]}, "meta": {}}"#;
    std::fs::write(folder.path().join("from.json"), export).unwrap();
    std::fs::write(folder.path().join("rules.yaml"), "apiVersion: 1\n").unwrap();
    run(folder.path(), &["grafana", "import", "from.json", "--folder", "shop"], 0);
    run(folder.path(), &["grafana", "import", "rules.yaml"], 0);
    let again = run(folder.path(), &["grafana", "import", "from.json", "--folder", "shop"], 2);
    assert!(again.contains("--force"), "{again}");
    run(folder.path(), &["grafana", "import", "from.json", "--folder", "../x"], 2);
    std::fs::write(folder.path().join("bad.json"), "{\"panels\": []}").unwrap();
    run(folder.path(), &["grafana", "import", "bad.json"], 2);
    let kept = folder.path().join("dashboards/shop/sales-by-day.json");
    let kept: Value = serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    assert_eq!(kept["panels"][0]["type"], "millrace-funnel-panel");
    run(folder.path(), &["grafana", "export", "out", "--user", "viewer"], 0);
    let read = |path: &str| std::fs::read_to_string(folder.path().join("out").join(path)).unwrap();
    let sent: Value = serde_json::from_str(&read("dashboards/shop/sales-by-day.json")).unwrap();
    assert_eq!(sent["panels"][0]["type"], "table");
    let source = read("provisioning/datasources/millrace.yaml");
    for line in ["host: \"127.0.0.1\"", "port: 9999", "protocol: http", "username: \"viewer\""] {
        assert!(source.contains(line), "{source}");
    }
    assert_eq!(read("provisioning/alerting/rules.yaml"), "apiVersion: 1\n");
    assert!(read("docker-compose.yml").contains("grafana-clickhouse-datasource"));
}
