//! Claims, on the wire: when they are looked at, and what is said then.

use crate::options;
use crate::scripted::{Said, Script, Scripted};
use model::Fate;
use std::sync::{Arc, Mutex};
use store::Store;
use store::remote::{Login, Remote, RemoteOptions};
use tokio::sync::watch;

const CLAIMS: &str = "INSERT INTO millrace.claims";

/// A server that keeps claims, the newest first.
fn server() -> (Scripted, Arc<Mutex<Vec<String>>>) {
    let claims = Arc::<Mutex<Vec<String>>>::default();
    let kept = claims.clone();
    let script: Script = Arc::new(move |heard| match heard.body.as_str() {
        body if body.starts_with("SELECT count() FROM system.processes") => Said::ok("0\n"),
        body if body.contains("FROM millrace.claims") => Said::ok(&kept.lock().unwrap().concat()),
        body if body.starts_with(CLAIMS) => {
            let row = body.split_once("FORMAT TabSeparated\n").unwrap().1.trim_end_matches('\n');
            let row = row.split_once('\t').unwrap().1;
            kept.lock().unwrap().insert(0, format!("{row}\n"));
            Said::ok("")
        }
        _ => Said::ok(""),
    });
    (Scripted::start("u", script), claims)
}

fn writer(server: &Scripted, place: &str) -> Remote {
    let (slot, place) = (Some("s".to_owned()), Some(place.to_owned()));
    Remote::new(RemoteOptions { slot, place, ..options(server.port, Login::Nobody) }).unwrap()
}

/// What was asked behind the first so many.
fn since(server: &Scripted, count: usize) -> Vec<String> {
    let words = |body: String| body.split(' ').take(2).collect::<Vec<_>>().join(" ");
    server.bodies().into_iter().skip(count).map(words).collect()
}

#[tokio::test]
async fn a_claim_is_looked_at_before_each_write_once_the_slot_is_lost() {
    let (server, claims) = server();
    let remote = writer(&server, "here");
    assert_eq!(remote.begin().await.unwrap(), None);
    let (slot, held) = watch::channel(true);
    remote.claim("pg", held).await.unwrap();
    let asked = server.bodies().len();
    for _ in 0..3 {
        remote.execute("TRUNCATE a").await.unwrap();
    }
    assert_eq!(since(&server, asked), ["TRUNCATE a"; 3]);
    slot.send_replace(false);
    let asked = server.bodies().len();
    for _ in 0..2 {
        remote.execute("TRUNCATE a").await.unwrap();
    }
    remote.query("SELECT 1").await.unwrap();
    let look = "SELECT DISTINCT";
    let seen = since(&server, asked);
    assert_eq!(seen, [look, "TRUNCATE a", look, "TRUNCATE a", "SELECT 1"]);
    // Another one waits for the slot, and then has it.
    let other = writer(&server, "there");
    let claimed = other.begin().await.unwrap().unwrap();
    assert_eq!(claimed.source, "pg");
    assert!(claimed.holder.starts_with("process "), "{claimed:?}");
    remote.execute("TRUNCATE a").await.unwrap();
    other.claim("pg", watch::channel(false).1).await.unwrap();
    assert_eq!(claims.lock().unwrap().len(), 2);
    let asked = server.bodies().len();
    let error = remote.execute("TRUNCATE a").await.unwrap_err();
    assert_eq!(error.fate(), Fate::Definite);
    let report = error.report();
    assert!(report.contains(&format!("process {} on", std::process::id())), "{report}");
    let row = vec![vec![Some("s".to_owned()), Some("1".to_owned())]];
    let table = model::TableName::new("d", "t");
    remote.record("millrace.checkpoints (slot, confirmed)", row).await.unwrap_err();
    remote.mutate(&table, "ALTER TABLE d.t DELETE WHERE 1").await.unwrap_err();
    remote.leave().await.unwrap();
    let seen = since(&server, asked);
    assert!(seen.iter().all(|asked| asked.starts_with("SELECT")), "{seen:?}");
    assert!(remote.is_taken_over() && !other.is_taken_over());
    other.execute("TRUNCATE a").await.unwrap();
}

/// Nobody has to be waited for who has ended, or was in the same folder.
#[tokio::test]
async fn who_takes_over_ends_what_the_other_one_runs_and_the_dead_need_no_claim_before() {
    let (server, claims) = server();
    let one = writer(&server, "here");
    one.begin().await.unwrap();
    one.claim("pg", watch::channel(true).1).await.unwrap();
    assert_eq!(writer(&server, "here").begin().await.unwrap(), None, "started anew");
    let other = writer(&server, "there");
    assert!(other.begin().await.unwrap().is_some());
    let asked = server.bodies().len();
    assert!(other.begin().await.unwrap().is_some());
    assert_eq!(since(&server, asked).len(), 1, "whose statements may be needed");
    one.leave().await.unwrap();
    assert_eq!(other.begin().await.unwrap(), None);
    let ends = |body: &String| body.contains("startsWith(query_id, 'millrace-s-')");
    assert!(server.bodies().last().is_some_and(ends));
    other.claim("pg", watch::channel(true).1).await.unwrap();
    assert_eq!(claims.lock().unwrap().len(), 3);
}
