//! The server: its version, its settings, room for one more reader, and how we reached it.

use super::{Asked, Finding, Level};
use crate::address::Tls;
use model::Result;
use tokio_postgres::config::Host;

const OLDEST_MAJOR: u32 = 14;
const NEWEST_MAJOR: u32 = 18;
/// The stream's, and for the moment in which a copy begins the copy's.
const READERS_NEEDED: i64 = 2;
/// A transaction this old will be waited for by a new slot, long enough to be noticed.
const OLD_TRANSACTION_SECONDS: i64 = 60;

pub(super) async fn inspect(
    asked: &Asked<'_>,
    slot: &str,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    version(asked.version / 10_000, findings);
    let sql = "select current_setting('wal_level'), current_setting('max_slot_wal_keep_size'),
                      current_setting('max_replication_slots')::int8,
                      current_setting('max_wal_senders')::int8,
                      (select count(*) from pg_replication_slots where slot_name <> $1),
                      exists (select from pg_replication_slots where slot_name = $1),
                      (select count(*) from pg_stat_get_wal_senders()),
                      pg_is_in_recovery(),
                      coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
                      current_setting('idle_replication_slot_timeout', true)";
    let row = asked.row(sql, &[&slot]).await?;
    let wal_level: &str = row.get(0);
    if wal_level != "logical" {
        findings.push(
            Finding::new(Level::Error, "wal_level", format!("wal_level is {wal_level}"))
                .why("Only with logical does the log say which rows changed.")
                .cure(asked.cloud.cure_wal_level()),
        );
    }
    keep_size(asked, row.get(1), findings);
    idle_timeout(asked, row.get(9), findings);
    let slots = Room {
        code: "max_replication_slots",
        thing: "replication slots",
        max: row.get(2),
        used: row.get(4),
    };
    slots.inspect(asked, findings);
    let senders =
        Room { code: "max_wal_senders", thing: "WAL senders", max: row.get(3), used: row.get(6) };
    // A stream of ours that runs already holds one of them.
    senders.inspect(asked, findings);
    standby(asked, row.get(7), findings);
    tls(asked, row.get(8), findings);
    if !row.get::<_, bool>(5) {
        old_transactions(asked, findings).await?;
    }
    Ok(())
}

fn version(major: u32, findings: &mut Vec<Finding>) {
    if major < OLDEST_MAJOR {
        findings.push(
            Finding::new(Level::Error, "server_version", format!("the server is Postgres {major}"))
                .why(format!("Postgres before {OLDEST_MAJOR} cannot send binary changes."))
                .cure(format!("upgrade the server to {OLDEST_MAJOR} or later")),
        );
    } else if major > NEWEST_MAJOR {
        let what = format!("the server is Postgres {major}, which Millrace is not tested with");
        findings.push(
            Finding::new(Level::Warning, "server_version", what)
                .why(format!("The newest one that it is tested with is {NEWEST_MAJOR}."))
                .cure("look for a newer Millrace, and run `millrace verify` often"),
        );
    }
}

fn keep_size(asked: &Asked<'_>, value: &str, findings: &mut Vec<Finding>) {
    if value != "-1" {
        return;
    }
    let what = "max_slot_wal_keep_size is -1: nothing limits the log that a slot keeps";
    findings.push(
        Finding::new(Level::Warning, "max_slot_wal_keep_size", what)
            .why("While Millrace is down, the server keeps the log for it until its disk is full.")
            .cure(asked.cloud.cure_setting("max_slot_wal_keep_size", "50GB", false)),
    );
}

/// Postgres 18 on: a slot that nobody reads for this long is given up at the next checkpoint.
fn idle_timeout(asked: &Asked<'_>, value: Option<&str>, findings: &mut Vec<Finding>) {
    let Some(value) = value.filter(|value| *value != "0") else { return };
    let what = format!("idle_replication_slot_timeout is {value}");
    findings.push(
        Finding::new(Level::Warning, "idle_replication_slot_timeout", what)
            .why("While Millrace is down for longer, the server gives its slot up, and with it the log.")
            .cure(asked.cloud.cure_setting("idle_replication_slot_timeout", "0", false)),
    );
}

struct Room {
    code: &'static str,
    thing: &'static str,
    max: i64,
    used: i64,
}

impl Room {
    fn inspect(&self, asked: &Asked<'_>, findings: &mut Vec<Finding>) {
        let (free, code) = (self.max - self.used, self.code);
        if free >= READERS_NEEDED {
            return;
        }
        let level = if free < 1 { Level::Error } else { Level::Warning };
        let what = format!("{} of {} {} are in use", self.used, self.max, self.thing);
        let more = (self.max + READERS_NEEDED).max(10).to_string();
        findings.push(
            Finding::new(level, code, what)
                .why("The stream takes one, and the beginning of a copy another for a moment.")
                .cure(asked.cloud.cure_setting(code, &more, true)),
        );
    }
}

fn standby(asked: &Asked<'_>, in_recovery: bool, findings: &mut Vec<Finding>) {
    if !in_recovery {
        return;
    }
    let finding = match asked.version >= 160_000 {
        true => Finding::new(Level::Warning, "standby", "the server is a standby").why(
            "A slot on a standby waits for the primary's activity, and no heartbeat moves it.",
        ),
        false => Finding::new(Level::Error, "standby", "the server is a standby")
            .why("Before Postgres 16 a standby cannot decode its log."),
    };
    findings.push(finding.cure("point the address at the primary"));
}

fn tls(asked: &Asked<'_>, encrypted: bool, findings: &mut Vec<Finding>) {
    let hosts = asked.address.config();
    let loopback = |name: &str| {
        name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    let local = hosts.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => loopback(name),
        Host::Unix(_) => true,
    });
    if local {
        return;
    }
    let place = asked.address.place();
    let cure =
        "add ?sslmode=verify-full (and &sslrootcert=/path/ca.pem for a private CA) to the address";
    if !encrypted {
        findings.push(
            Finding::new(Level::Warning, "tls", format!("the way to {place} is not encrypted"))
                .why("Rows and, without SCRAM, the password can be read on the way.")
                .cure(cure),
        );
    } else if !matches!(asked.address.tls_mode(), Tls::VerifyFull | Tls::VerifyCa) {
        let what = format!("the way to {place} is encrypted, but nobody checks who answers");
        findings.push(
            Finding::new(Level::Note, "tls", what)
                .why("With sslmode prefer or require any certificate will do.")
                .cure(cure),
        );
    }
}

async fn old_transactions(asked: &Asked<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    let sql = "select pid, coalesce(usename::text, '?'), coalesce(state, '?'),
                      extract(epoch from clock_timestamp() - xact_start)::int8
                 from pg_stat_activity
                where backend_xid is not null and pid <> pg_backend_pid()
                  and clock_timestamp() - xact_start > $1::int8 * interval '1 second'
                order by 4 desc";
    for row in asked.rows(sql, &[&OLD_TRANSACTION_SECONDS]).await? {
        let (pid, user, state): (i32, &str, &str) = (row.get(0), row.get(1), row.get(2));
        let seconds: i64 = row.get(3);
        let what =
            format!("process {pid} ({user}, {state}) is in a transaction for {seconds} seconds");
        findings.push(
            Finding::new(Level::Warning, "long_transaction", what)
                .why("The slot can be created only after every older transaction has ended.")
                .cure(format!("let it end, or: SELECT pg_terminate_backend({pid});")),
        );
    }
    Ok(())
}
