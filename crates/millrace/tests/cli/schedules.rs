//! Schedules for others, as Python and YAML read them. (`scripts/schedules.sh` asks the tools themselves.)

use crate::{err, millrace, out};
use std::path::Path;
use std::process::Command;

const READ: &str = "
import ast, json, shlex, sys
def words(call, name):
    return next(ast.literal_eval(k.value) for k in call.keywords if k.arg == name)
kind, text = sys.argv[1], sys.stdin.read()
if kind == 'cron':
    lines = [l for l in text.splitlines() if l and not l.startswith(('#', 'CRON_TZ='))]
    told = [shlex.split(l.replace('\\\\%', '%').split(None, 5)[5]) for l in lines]
    print(json.dumps([words[words.index('transform'):] for words in told]))
elif kind == 'airflow':
    calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and getattr(n.func, 'id', '') == 'BashOperator']
    bare = lambda c: words(c, 'bash_command').removeprefix('{% raw %}').removesuffix('{% endraw %} ')
    told = [shlex.split(bare(c)) for c in calls]
    print(json.dumps([words[words.index('transform'):] for words in told]))
elif kind == 'dagster':
    calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and getattr(n.func, 'id', '') == 'dbt']
    print(json.dumps([ast.literal_eval(c.args[1])[3:] for c in calls]))
else:
    import yaml
    jobs = yaml.safe_load(text)['jobs'].values()
    print(json.dumps([['transform'] + shlex.split(j['steps'][-1]['run'])[1:-6] for j in jobs]))
";

/// What dbt is told by each, whatever stands in it.
#[test]
fn every_export_says_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("millrace.toml"), include_str!("schedules.toml")).unwrap();
    let expected = serde_json::json!([
        ["transform", "build", "--select", "tag:fast"],
        ["transform", "build", "--select", "marts.o'neil+ tag:heavy"],
        ["transform", "docs", "generate"],
    ]);
    for kind in ["cron", "airflow", "dagster", "github-actions"] {
        let exported = millrace(folder.path(), &["schedule", "export", &format!("--{kind}")]);
        assert!(exported.status.success(), "{}", err(&exported));
        let read: serde_json::Value = serde_json::from_str(&read(kind, &out(&exported))).unwrap();
        assert_eq!(read, expected, "{kind}");
    }
}

#[test]
fn what_cannot_be_exported_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("millrace.toml");
    let source = "[source]\nurl = \"${DATABASE_URL}\"\n";
    let says = |more: &str, kind: &str, what: &str| {
        std::fs::write(&path, format!("{source}{more}")).unwrap();
        let exported = millrace(folder.path(), &["schedule", "export", kind]);
        assert_eq!(exported.status.code(), Some(2));
        assert!(err(&exported).contains(what), "{}", err(&exported));
    };
    says("", "--cron", "there are none");
    let alike = ["a-b", "a_b"]
        .map(|name| format!("[[transform.schedule]]\nname = \"{name}\"\nevery = \"5m\"\n"));
    says(&alike.concat(), "--airflow", "dbt_a_b");
    says("[[transform.schedule]]\nevery = \"7m\"\n", "--dagster", "come out even");
    says("[[transform.schedule]]\nevery = \"1m\"\n", "--github-actions", "every five minutes");
    let berlin = "[transform]\nzone = \"Europe/Berlin\"\n[[transform.schedule]]\nevery = \"5m\"\n";
    says(berlin, "--github-actions", "by UTC there");
    let fresh = "[[transform.schedule]]\nevery = \"1h\"\ncommand = \"source freshness\"\n";
    says(fresh, "--github-actions", "MILLRACE_FRESH_AT");
    says(fresh, "--github-actions", "hint: leave it to millrace up");
}

/// What stands in for Dagster, and asks the module that it loads.
const DAGSTER: &str = "
import os, sys, time, types
from types import SimpleNamespace as Some
dagster = sys.modules['dagster'] = types.ModuleType('dagster')
dagster.op = lambda name: lambda f: f
dagster.job = lambda name, tags: lambda f: f
dagster.DagsterRunStatus = Some(QUEUED=1, NOT_STARTED=2, STARTING=3, STARTED=4, CANCELING=5)
dagster.DefaultScheduleStatus = Some(RUNNING=1)
dagster.Definitions = dagster.RunsFilter = dagster.ScheduleDefinition = Some
dagster.Failure = type('Failure', (Exception,), {})
module = {}
exec(sys.stdin.read(), module)
fast = module['schedules'][0]
asked = []
context = lambda count: Some(instance=Some(get_runs_count=lambda runs: asked.append(runs) or count))
assert fast.should_execute(context(0)) and not fast.should_execute(context(1))
assert {runs.job_name for runs in asked} == {'dbt_fast'}, asked

module['KILLED_AFTER'] = 1
stubborn = 'import signal, time; signal.signal(signal.SIGINT, lambda *_: print(\\'told\\', flush=True)); time.sleep(60)'
hangs = module['dbt']('hangs', [sys.executable, '-c', stubborn], 3, '* * * * *')
begun = time.monotonic()
try:
    hangs.job()
except Exception as error:
    print(type(error).__name__)
assert time.monotonic() - begun < 30
try:
    module['dbt']('fails', ['false'], 9, '* * * * *').job()
except dagster.Failure as error:
    print(error)
";

#[test]
fn dagster_runs_a_schedule_once_at_a_time_and_kills_what_hangs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("millrace.toml"), include_str!("schedules.toml")).unwrap();
    let exported = millrace(folder.path(), &["schedule", "export", "--dagster"]);
    let said = python(DAGSTER, "", &out(&exported));
    assert_eq!(said, "told\nTimeoutExpired\ndbt ended with 1\n");
}

fn read(kind: &str, text: &str) -> String {
    python(READ, kind, text)
}

/// dbt's environment has a reader of YAML.
fn python(script: &str, kind: &str, text: &str) -> String {
    let set_up = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args([
            "--config",
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/schedules.toml"),
            "transform",
            "setup",
        ])
        .output()
        .unwrap();
    let said = err(&set_up);
    let dbt = Path::new(said.trim().rsplit(' ').next().unwrap());
    let input = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(input.path(), text).unwrap();
    let output = Command::new(dbt.with_file_name("python"))
        .args(["-c", script, kind])
        .stdin(std::fs::File::open(input.path()).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{kind}: {}\n{text}", err(&output));
    out(&output)
}
