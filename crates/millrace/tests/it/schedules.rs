//! What `up` has dbt build by itself: as it runs, as it fails, hangs, and is ended.

use crate::transform::{is_at_work, small, write_model};
use crate::{project, says};
use cluster::Cluster;
use harness::{Project, Up, config, poll};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

const LONG: &str = "{{ config(materialized='table') }} select sum(sleepEachRow(1)) as s from numbers(600) \
     settings max_block_size = 1, function_sleep_max_microseconds_per_block = 3000000";
/// dbt begins slowly beside other tests.
const PATIENCE: Duration = Duration::from_secs(150);

fn schedule(name: &str, more: &str) -> String {
    format!("[[transform.schedule]]\nname = \"{name}\"\nselect = \"{name}\"\n{more}\n")
}

/// Statuses of the runs of a schedule, oldest first, with the first word of what dbt was told.
fn runs(up: &Up, schedule: &str) -> String {
    up.query(&format!(
        "SELECT arrayStringConcat(groupArray(concat(splitByChar(' ', command)[1], ' ', status)), ', ') FROM
         (SELECT * FROM millrace.runs FINAL WHERE schedule = '{schedule}' ORDER BY started)"
    ))
}

#[track_caller]
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    assert!(
        poll(PATIENCE, || is_so().then_some(())).is_some(),
        "waited {PATIENCE:?} in vain: {what}"
    );
}

fn metric(up: &Up, line: &str) -> bool {
    crate::pause::get(up.ui(), "/metrics").lines().any(|found| found.starts_with(line))
}

#[test]
fn what_is_due_is_built_and_what_fails_is_told_and_tried_again() {
    let cluster = small();
    let schedules = schedule("good", "every = \"10s\"\nafter = \"copied\"\nsla = \"1s\"")
        + &schedule("bad", "every = \"1d\"");
    let project = project(&cluster, &schedules);
    write_model(
        &project,
        "good",
        "{{ config(materialized='table') }} select id, 7 as x from public.t",
    );
    write_model(&project, "bad", "select nothing from public.t");
    let mut up = project.up();
    up.wait_ready();
    wait_for("it is built twice", || runs(&up, "good").starts_with("build success, build success"));
    assert_eq!(up.query("SELECT x FROM marts.good"), "7");
    // What it touches is known, by the manifest in its own folder.
    let kept = std::fs::read_to_string(project.state().join("transform/good/last.json")).unwrap();
    let work = r#""words":["build","--select","good"],"builds":["model.small.good"],"reads":["#;
    assert!(kept.contains(work), "{kept}");
    let lineage = project.path().join("dbt/target/millrace-lineage.json");
    wait_for("its lineage is kept", || {
        std::fs::read_to_string(&lineage).is_ok_and(|kept| kept.contains("marts.good"))
    });
    let node = up.query(
        "SELECT DISTINCT node, kind, status, relation, row_count FROM millrace.run_nodes
         WHERE node LIKE '%good' ORDER BY ALL",
    );
    assert_eq!(node, "model.small.good\tmodel\tsuccess\tmarts.good\t1");
    wait_for("the failed one is tried again", || runs(&up, "bad") == "build failed, retry failed");
    let error = up.query("SELECT any(error) FROM millrace.runs FINAL WHERE schedule = 'bad'");
    assert!(error.contains("UNKNOWN_IDENTIFIER") && error.contains("nothing"), "{error}");
    let status = project.run(&["status"]).talk();
    assert!(
        status.contains("dbt        good") && status.contains("took more than 1 s"),
        "{status}"
    );
    assert!(status.contains("bad   failed"), "{status}");
    assert!(metric(&up, "millrace_transform_last_run_success{schedule=\"bad\"} 0"));
    assert!(metric(&up, "millrace_transform_sla_seconds{schedule=\"good\"} 1"));
    // By hand it is told, too.
    let ran = project.run(&["transform", "run", "--select", "good"]);
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
    assert_eq!(runs(&up, ""), "run success");
    assert_eq!(up.stop(), Some(0));
    assert!(!is_at_work(&project));
}

fn is_long_built(up: &Up) -> bool {
    up.query("SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(1)%' AND query NOT LIKE '%LIKE%'") == "1"
}

/// The store lets go of what it was asked only when it is told to.
fn wait_until_gone(project: &Project) {
    wait_for("dbt is gone", || !is_at_work(project));
}

#[test]
fn what_hangs_is_ended_and_what_is_ended_is_told() {
    let cluster = small();
    let project = project(&cluster, &schedule("long", "every = \"10s\"\nmax_runtime = \"12s\""));
    write_model(&project, "long", LONG);
    let mut up = project.up();
    up.wait_ready();
    wait_for("it is ended in time", || runs(&up, "long").starts_with("build timeout"));
    wait_for("the next one runs", || is_long_built(&up) && runs(&up, "long").ends_with("running"));
    // With `up`, however that ends.
    up.kill();
    wait_until_gone(&project);
    let mut up = project.up();
    up.wait_ready();
    wait_for("it is told", || runs(&up, "long").contains("build interrupted"));
    wait_for("the next one runs", || is_long_built(&up) && runs(&up, "long").ends_with("running"));
    assert_eq!(up.stop(), Some(0));
    wait_until_gone(&project);
    let up = project.up();
    wait_for("it was told", || runs(&up, "long").matches("interrupted").count() == 2);
}

/// In dbt's place: it writes what it does, and does for each selection what the test has written for it.
///
/// ```text
/// now/NAME   as long as it runs
/// log        that it begins, and beside whom; that it was told to stop
/// NAME.sh    what it does; run: how often it has begun
/// ```
const FAKE: &str = r#"#!/bin/sh
home=${0%/dbt}
while [ $# -gt 0 ]; do
    case $1 in
        --select) name=$2 ;;
        --project-dir) target=$2/target ;;
        --target-path) target=$2 ;;
    esac
    shift
done
if mkdir "$home/now/$name"; then
    beside=$(ls "$home/now" | grep -vx "$name")
else
    beside=itself
fi
echo $name begins ${beside:+beside $beside} >> "$home/log"
run=$(grep -c "^$name begins" "$home/log")
trap 'echo "$name is told to stop" >> "$home/log"; rmdir "$home/now/$name"; exit 1' INT
until_there() { until [ -e "$home/$1" ] || ! [ -d "$home" ]; do sleep 0.1; done; }
[ -e "$home/$name.sh" ] && . "$home/$name.sh"
mkdir -p "$target"
cp "$home/manifest.json" "$target/"
cat > "$target/run_results.json" << END
{"metadata": {"invocation_id": "$$-$run"}, "results": [{"unique_id": "model.small.$name", "status": "success",
  "execution_time": 0.1, "message": null, "relation_name": null}]}
END
rmdir "$home/now/$name"
"#;
/// c reads a.
const MANIFEST: &str = r#"{"sources": {}, "nodes": {"model.small.c": {"config": {"materialized": "table"},
    "depends_on": {"nodes": ["model.small.a"]}}}}"#;

struct Fake {
    project: Project,
    cluster: Cluster,
}

impl Fake {
    fn new(schedules: &str) -> Fake {
        let cluster = small();
        let fake = Fake { project: project(&cluster, ""), cluster };
        write_model(&fake.project, "any", "select 1");
        std::fs::create_dir_all(fake.path("now")).unwrap();
        fake.write("dbt", FAKE);
        fake.write("log", "");
        fake.write("manifest.json", MANIFEST);
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(fake.path("dbt"), executable).unwrap();
        fake.configure(schedules);
        fake
    }

    fn configure(&self, schedules: &str) {
        let transform = format!("[transform]\ndbt = {:?}\n{schedules}", self.path("dbt"));
        self.project.configure(&config(&self.cluster.url(), &transform));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.project.path().join("fake").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.path("log")).unwrap();
        log.lines().map(str::to_owned).collect()
    }

    /// How many lines begin with it.
    fn count(&self, beginning: &str) -> usize {
        self.log().iter().filter(|line| line.starts_with(beginning)).count()
    }

    /// Whether that process is there, which has written its number into a file.
    fn is_there(&self, child: &str) -> bool {
        let text = std::fs::read_to_string(self.path(child)).unwrap_or_default();
        let Ok(pid) = text.trim().parse::<u32>() else { return false };
        // Of one that has ended, and that nobody has waited for, it is empty.
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
    }

    fn spawn(&self, words: &[&str]) -> std::process::Child {
        let mut command = self.project.command(words);
        command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// Until it is known what they build, and when one builds what another one reads, schedules run one after the other.
#[test]
fn schedules_run_beside_each_other_where_neither_builds_what_the_other_touches() {
    let schedules = ["a", "b", "c"].map(|name| schedule(name, "every = \"10s\""));
    let fake = Fake::new(&schedules.concat());
    fake.write("a.sh", "case $run in 1) sleep 2 ;; *) until_there go ;; esac\n");
    let up = fake.project.up();
    wait_for("the first begins", || fake.count("") > 0);
    // Another keeper waits for the end of the first.
    let mut second = fake.spawn(&["transform", "keep"]);
    // At the second time c has been due, too.
    wait_for("b is built beside a", || fake.count("b begins beside a") == 2);
    let mut first = fake.log()[..3].to_vec();
    first.sort();
    assert_eq!(first, ["a begins", "b begins", "c begins"]);
    let before = fake.count("c begins");
    fake.write("go", "");
    wait_for("c is built after a", || fake.count("c begins") > before);
    let with_b =
        ["a begins beside b", "b begins beside a", "b begins beside c", "c begins beside b"];
    for line in fake.log().iter().filter(|line| line.contains("beside")) {
        assert!(with_b.contains(&line.as_str()), "{line}");
    }
    assert!(second.try_wait().unwrap().is_none());
    drop(second.stdin.take());
    assert_eq!(second.wait().unwrap().code(), Some(0));
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn nothing_runs_while_paused_and_a_run_by_hand_is_alone_and_told() {
    let fake = Fake::new("");
    fake.write("s.sh", "[ $run = 1 ] && until_there go\n");
    fake.write("broken.sh", "rmdir \"$home/now/$name\"; echo broken; exit 2\n");
    fake.write("long.sh", "until_there never\n");
    let mut up = fake.project.up();
    up.wait_ready();
    says(&fake.project.run(&["pause"]), 0, &["paused"]);
    assert_eq!(up.stop(), Some(0));
    fake.configure(&schedule("s", "every = \"10s\""));
    let up = fake.project.up();
    // Time to begin, if it would: its first run is due within a second.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(fake.log(), [""; 0]);
    says(&fake.project.run(&["resume"]), 0, &["it goes on"]);
    wait_for("it runs", || fake.count("s begins") == 1);
    let mut by_hand = fake.spawn(&["transform", "run", "--select", "hand"]);
    let mut said = BufReader::new(by_hand.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("this one waits"), "{line}");
    fake.write("go", "");
    assert_eq!(by_hand.wait().unwrap().code(), Some(0));
    // Without a result.
    says(&fake.project.run(&["transform", "run", "--select", "broken"]), 2, &["broken"]);
    let by_hand = fake.spawn(&["transform", "run", "--select", "long"]);
    wait_for("it runs", || fake.count("long begins") == 1);
    let told = Command::new("kill").args(["-s", "INT", &by_hand.id().to_string()]).status();
    assert!(told.unwrap().success());
    let ended = by_hand.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(fake.count("long is told to stop"), 1);
    assert_eq!(runs(&up, ""), "run success, run error, run interrupted");
    assert!(fake.log().iter().all(|line| !line.contains("beside")), "{:?}", fake.log());
    assert_eq!(up.stop(), Some(0));
}

/// A dbt that does not hear, and one whose child does not.
#[test]
fn what_hangs_is_ended_with_all_that_it_has_started() {
    let child = "sh -c 'trap \"\" INT; echo $$ > \"$0\"; exec sleep 600' \"$home/$name.pid\" > /dev/null 2>&1 &\n\
                 wait; wait\n";
    let schedules = schedule("deaf", "every = \"1d\"\nmax_runtime = \"20s\"")
        + &schedule("hears", "every = \"10s\"");
    let fake = Fake::new(&schedules);
    fake.write("deaf.sh", &format!("trap '' INT\n{child}"));
    fake.write("hears.sh", child);
    let up = fake.project.up();
    wait_for("it runs", || fake.is_there("deaf.pid"));
    wait_for("it is ended in time", || runs(&up, "deaf") == "build timeout");
    wait_for("its child is gone", || !fake.is_there("deaf.pid"));
    wait_for("the other one runs", || fake.is_there("hears.pid"));
    up.kill();
    // First: a process that becomes another one has no command line for a moment.
    wait_for("it is told to stop", || fake.count("hears is told to stop") == 1);
    wait_for("it is ended with up", || !fake.is_there("hears.pid"));
}
