//! The project as a provisioning tree of a real Grafana: the same files, with what Grafana has to be told
//! around them.

use crate::dashboard;
use model::{Error, Result};
use serde_json::{Value, json};
use std::path::PathBuf;

/// How a Grafana comes to the rows.
#[derive(Clone, Debug)]
pub struct Door {
    pub host: String,
    pub port: u16,
    pub secure: bool,
    pub user: String,
}

/// A file of the project: its folder below `dashboards/` or `alerting/`, its name and its text.
pub struct File {
    pub folder: String,
    pub name: String,
    pub text: String,
}

/// The uid that rules and dashboards know the data source by.
pub const SOURCE: &str = "millrace";
pub const SOURCE_TYPE: &str = "grafana-clickhouse-datasource";
/// As the container has it.
const INSIDE: &str = "/var/lib/grafana/dashboards";

/// Every file of the tree, by its place in it.
pub fn tree(
    project: &str,
    door: &Door,
    dashboards: &[File],
    alerting: &[File],
) -> Result<Vec<(PathBuf, String)>> {
    let mut files = vec![
        (PathBuf::from("provisioning/datasources/millrace.yaml"), source(door)),
        (PathBuf::from("provisioning/dashboards/millrace.yaml"), provider(project)),
        (PathBuf::from("docker-compose.yml"), COMPOSE.to_owned()),
        (PathBuf::from("README.md"), readme(project, door)),
    ];
    for file in dashboards {
        let mut dashboard =
            dashboard::read(&file.text).map_err(|error| error.context(&file.name))?;
        plain(&mut dashboard);
        let text = serde_json::to_string_pretty(&dashboard)
            .map_err(|error| Error::bug("cannot write a dashboard").source(error))?;
        files.push((PathBuf::from("dashboards").join(&file.folder).join(&file.name), text + "\n"));
    }
    for file in alerting {
        files.push((PathBuf::from("provisioning/alerting").join(&file.name), file.text.clone()));
    }
    Ok(files)
}

/// A text in YAML's double quotes, which are JSON's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn source(door: &Door) -> String {
    let Door { host, port, secure, user } = door;
    let (host, user) = (quoted(host), quoted(user));
    format!(
        "# Where the rows are. MILLRACE_PASSWORD is taken from Grafana's environment; empty: none.\n\
         apiVersion: 1\n\n\
         datasources:\n\
         \x20 - name: Millrace\n\
         \x20   uid: {SOURCE}\n\
         \x20   type: {SOURCE_TYPE}\n\
         \x20   access: proxy\n\
         \x20   isDefault: true\n\
         \x20   orgId: 1\n\
         \x20   jsonData:\n\
         \x20     host: {host}\n\
         \x20     port: {port}\n\
         \x20     # Not its default: only HTTP is spoken here.\n\
         \x20     protocol: http\n\
         \x20     secure: {secure}\n\
         \x20     username: {user}\n\
         \x20     queryTimeout: \"60\"\n\
         \x20   secureJsonData:\n\
         \x20     password: ${{MILLRACE_PASSWORD}}\n"
    )
}

fn provider(project: &str) -> String {
    let name = quoted(project);
    format!(
        "# Dashboards are the files of the project; a folder there is a folder here.\n\
         apiVersion: 1\n\n\
         providers:\n\
         \x20 - name: {name}\n\
         \x20   orgId: 1\n\
         \x20   type: file\n\
         \x20   disableDeletion: false\n\
         \x20   allowUiUpdates: false\n\
         \x20   updateIntervalSeconds: 30\n\
         \x20   options:\n\
         \x20     path: {INSIDE}\n\
         \x20     foldersFromFilesStructure: true\n"
    )
}

const COMPOSE: &str = "# Grafana beside Millrace on one Linux machine: docker compose up, then http://localhost:3001 (admin, admin).\n\
services:\n\
\x20 grafana:\n\
\x20   image: grafana/grafana:12.4.0\n\
\x20   # The machine's own network: Millrace listens on its loopback address.\n\
\x20   network_mode: host\n\
\x20   environment:\n\
\x20     GF_SERVER_HTTP_ADDR: 127.0.0.1\n\
\x20     GF_SERVER_HTTP_PORT: \"3001\"\n\
\x20     GF_PLUGINS_PREINSTALL: grafana-clickhouse-datasource\n\
\x20     MILLRACE_PASSWORD: ${MILLRACE_PASSWORD:-}\n\
\x20   volumes:\n\
\x20     - ./provisioning:/etc/grafana/provisioning:ro\n\
\x20     - ./dashboards:/var/lib/grafana/dashboards:ro\n";

fn readme(project: &str, door: &Door) -> String {
    let Door { host, port, user, .. } = door;
    format!(
        "# {project} in Grafana\n\n\
         Written by `millrace grafana export`; write it again after a change, and Grafana takes the files as they are then.\n\n\
         With Docker: `docker compose up`, then http://localhost:3001. Without: copy `provisioning/` to `/etc/grafana/provisioning`, `dashboards/` to\n\
         `{INSIDE}`, install the plugin `{SOURCE_TYPE}` (4.20 or newer, Grafana 11.6 or newer), and start Grafana anew.\n\n\
         Grafana reads {host}:{port} as the user `{user}`. Its environment variables: `MILLRACE_PASSWORD`, and those that `provisioning/alerting/` names.\n\n\
         ## Who may do what\n\n\
         | in Grafana | sees dashboards | writes queries of her own (Explore) | changes dashboards |\n\
         | --- | --- | --- | --- |\n\
         | Viewer | yes | no | no |\n\
         | Editor | yes | yes | not these: they are files (`allowUiUpdates: false`) |\n\
         | Admin | yes | yes | not these |\n\n\
         To Millrace they are all the one user of the data source: what that user is granted, every viewer sees. So make one for Grafana with the role\n\
         `viewer` and grants of what may be seen (docs/access.md), and another data source for those who may see more.\n\n\
         The panels that only Millrace has are a table (funnel) and a heatmap (retention) here.\n"
    )
}

/// What only Millrace has, as what Grafana has.
fn plain(dashboard: &mut Value) {
    let panels = dashboard.get_mut("panels").and_then(Value::as_array_mut);
    for panel in panels.into_iter().flatten() {
        plain(panel);
        match panel.get("type").and_then(Value::as_str) {
            Some("millrace-funnel-panel") => as_table(panel),
            Some("millrace-retention-panel") => as_heatmap(panel),
            _ => {}
        }
    }
}

fn as_table(panel: &mut Value) {
    panel["type"] = "table".into();
    panel["options"] = json!({"showHeader": true, "cellHeight": "sm", "footer": {"show": false, "reducer": ["sum"],
        "countRows": false, "fields": ""}});
}

/// A column a cohort, a row a period, the share as colour.
fn as_heatmap(panel: &mut Value) {
    panel["type"] = "heatmap".into();
    panel["options"] = json!({
        "calculate": false,
        "cellGap": 2,
        "color": {"mode": "scheme", "scheme": "Blues", "steps": 64, "reverse": false, "exponent": 0.5, "fill": "dark-blue"},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": true},
        "rowsFrame": {"layout": "auto"},
        "showValue": "auto",
        "tooltip": {"mode": "single", "showColorScale": false, "yHistogram": false},
        "yAxis": {"axisPlacement": "left", "reverse": true, "unit": "short"}
    });
    panel["fieldConfig"] = json!({"defaults": {"unit": "percentunit", "custom": {"hideFrom": {"legend": false, "tooltip": false,
        "viz": false}, "scaleDistribution": {"type": "linear"}}}, "overrides": []});
    let targets = panel.get_mut("targets").and_then(Value::as_array_mut);
    for target in targets.into_iter().flatten() {
        let Some(sql) = target.get("rawSql").and_then(Value::as_str) else { continue };
        let sql = sql.trim().trim_end_matches(';');
        let sql = format!(
            "SELECT toDateTime(cohort) AS time, leftPad(toString(period), 2, '0') AS period, people / greatest(size, 1) AS share\n\
             FROM (\n{sql}\n)\nORDER BY time, period"
        );
        target["rawSql"] = sql.into();
        target["format"] = 0.into();
        target["queryType"] = "timeseries".into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_has_what_grafana_has_to_be_told() {
        let door =
            Door { host: "127.0.0.1".into(), port: 8123, secure: false, user: "grafana".into() };
        let text = json!({"title": "T", "uid": "t", "panels": [
            {"type": "row", "panels": [{"type": "millrace-funnel-panel"}]},
            {"type": "millrace-retention-panel", "targets": [{"rawSql": "SELECT 1;"}]}]});
        let file =
            |name: &str, text: String| File { folder: "shop".into(), name: name.into(), text };
        let tree = tree(
            "shop",
            &door,
            &[file("t.json", text.to_string())],
            &[file("r.yaml", "a: 1".into())],
        )
        .unwrap();
        let find = |name: &str| &tree.iter().find(|(path, _)| path.ends_with(name)).unwrap().1;
        assert!(find("datasources/millrace.yaml").contains("protocol: http\n"));
        assert_eq!(find("provisioning/alerting/r.yaml"), "a: 1");
        let dashboard: Value = serde_json::from_str(find("dashboards/shop/t.json")).unwrap();
        assert_eq!(dashboard["panels"][0]["panels"][0]["type"], "table");
        let heatmap = &dashboard["panels"][1];
        assert_eq!(heatmap["type"], "heatmap");
        assert!(heatmap["targets"][0]["rawSql"].as_str().unwrap().contains("(\nSELECT 1\n)"));
    }
}
