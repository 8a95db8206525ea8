//! The page in a real browser, on real servers: one that is open, and one with users behind a prefix. What is looked at
//! stands in `web/tests/`; here it gets its servers.

use crate::BINARY;
use cluster::Cluster;
use harness::{Project, Up, shop_config, shop_schema};
use std::path::{Path, PathBuf};
use std::process::Command;

const USERS: &str = "[serve.users.root]\npassword = \"topsecret\"\nroles = [\"admin\"]\n\
    [serve.users.ed]\npassword = \"topsecret\"\nroles = [\"editor\"]\n\
    [serve.users.vera]\npassword = \"topsecret\"\nroles = [\"viewer\"]\ngrants = [\"SELECT ON public.orders\"]\n";

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web")
}

/// A project whose dashboards and rules are those of the browser's tests.
fn project(cluster: &Cluster, slot: &str, serve: &str, more: &str) -> Project {
    let url = cluster.url();
    let config = format!(
        "[source]\nurl = \"{url}\"\npublication = \"millrace\"\nslot = \"{slot}\"\n\n\
         [serve]\nclickhouse = \"127.0.0.1:0\"\nui = \"127.0.0.1:0\"\n{serve}\n{more}\n{}",
        shop_config()
    );
    let project = Project::new(BINARY, &config);
    for folder in ["dashboards", "alerting"] {
        copy(&web().join("tests/project").join(folder), &project.path().join(folder));
    }
    project
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A binary that is not a release reads the page's files where they lie, which the kernel lets `up` read only
/// if they are among those that its settings name.
fn start(project: &Project) -> Up {
    let dist = web().join("dist").canonicalize().unwrap();
    let started = project.try_up(&[("SSL_CERT_DIR", dist.to_str().unwrap())]);
    let mut up = started.unwrap_or_else(|ran| panic!("up ended:\n{}", ran.talk()));
    up.wait_ready();
    up
}

/// The files of the browser's tests, one by one: versions of Node differ in what a folder means to them.
fn files() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(web().join("tests/browser")).unwrap();
    let mut files: Vec<_> =
        folder.map(|entry| entry.unwrap().path().canonicalize().unwrap()).collect();
    files.sort();
    files
}

#[test]
fn the_page_in_a_browser() {
    if !web().join("dist/index.html.br").exists()
        || !web().join("node_modules/playwright-core").exists()
    {
        cluster::skip("the page is not built: make web");
        return;
    }
    let cluster = Cluster::start();
    cluster.sql(&format!("{} create publication millrace for all tables;", shop_schema(2000)));
    let open = project(&cluster, "open", "", "");
    let closed = project(&cluster, "closed", "ui_prefix = \"/mill\"", USERS);
    let (up_open, up_closed) = (start(&open), start(&closed));
    let output = Command::new("node")
        .args(["--test", "--test-concurrency=2"])
        .args(files())
        .current_dir(web())
        .env("MILLRACE_OPEN", format!("http://{}", up_open.ui()))
        .env("MILLRACE_CLOSED", format!("http://{}/mill", up_closed.ui()))
        .env("MILLRACE_PROJECT", open.path())
        .env("MILLRACE_PG", cluster.url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((up_open.stop(), up_closed.stop()), (Some(0), Some(0)));
}
