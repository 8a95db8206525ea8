//! The slot that is there already, if one is.

use super::{Asked, Finding, Level};
use crate::client::literal;
use crate::slot::{Slot, slot_info};
use model::Result;

pub(super) async fn inspect(
    asked: &Asked<'_>,
    name: &str,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let Some(slot) = slot_info(asked.client, name).await? else {
        findings.push(
            Finding::new(Level::Note, "slot", format!("slot {name} does not exist yet"))
                .why("`millrace up` creates it."),
        );
        return Ok(());
    };
    let drop_it = format!("SELECT pg_drop_replication_slot({});", literal_plain(name));
    if let Some(finding) = unfit(asked, name, &slot, &drop_it) {
        findings.push(finding);
        return Ok(());
    }
    if matches!(slot.wal_status.as_deref(), Some("unreserved")) {
        let what = format!("slot {name} is about to be lost: its wal_status is unreserved");
        findings.push(
            Finding::new(Level::Warning, "slot_wal_status", what)
                .why("The server removes the log that the slot needs at its next checkpoint.")
                .cure("start `millrace up` now, or raise max_slot_wal_keep_size"),
        );
    }
    if let Some(pid) = slot.active_pid {
        findings.push(active(asked, name, pid).await?);
    }
    Ok(())
}

fn unfit(asked: &Asked<'_>, name: &str, slot: &Slot, drop_it: &str) -> Option<Finding> {
    let error = |what: String| Finding::new(Level::Error, "slot", what);
    if slot.plugin.as_deref() != Some("pgoutput") {
        let plugin = slot.plugin.as_deref().unwrap_or("none: it is a physical slot");
        return Some(
            error(format!("slot {name} cannot be used: its plugin is {plugin}"))
                .why("Millrace reads pgoutput. Somebody else made this slot.")
                .cure("set another slot under [source] in millrace.toml"),
        );
    }
    if slot.database.as_deref() != Some(asked.address.database()) {
        let database = slot.database.as_deref().unwrap_or("?");
        return Some(
            error(format!("slot {name} belongs to database {database}"))
                .why("A slot reads one database, and its name is taken in the whole server.")
                .cure("set another slot under [source] in millrace.toml"),
        );
    }
    if slot.is_lost() {
        let reason = slot.invalidation.as_deref().unwrap_or("its log was removed");
        return Some(
            Finding::new(Level::Error, "slot_lost", format!("slot {name} is lost: {reason}"))
                .why("Changes are missing that nobody can bring back; the tables have to be copied anew.")
                .cure(format!("{drop_it}  -- then start with a fresh [store] data_dir")),
        );
    }
    None
}

async fn active(asked: &Asked<'_>, name: &str, pid: i32) -> Result<Finding> {
    let sql = "select application_name, client_addr::text from pg_stat_get_activity($1)";
    let rows = asked.rows(sql, &[&pid]).await?;
    let application: Option<&str> = rows.first().and_then(|row| row.get(0));
    let from: Option<&str> = rows.first().and_then(|row| row.get(1));
    let by = application.filter(|name| !name.is_empty()).unwrap_or("another client");
    let from = from.map_or(String::new(), |from| format!(" from {from}"));
    let what = format!("slot {name} is being read by {by}{from} (process {pid})");
    let finding = match by {
        "millrace" => Finding::new(Level::Note, "slot_active", what)
            .why("Right if that is your `millrace up`; a second one would have to wait."),
        _ => Finding::new(Level::Error, "slot_active", what)
            .why("A slot has one reader.")
            .cure("stop that client, or set another slot under [source] in millrace.toml"),
    };
    Ok(finding)
}

/// Slot names hold nothing that wants escaping; what people read shall look plain.
fn literal_plain(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain { format!("'{name}'") } else { literal(name) }
}
