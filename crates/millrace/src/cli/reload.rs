//! `millrace reload`: the running pipeline takes the tables' options as they are in millrace.toml now.

use super::Answer;
use crate::config::Config;
use crate::running::Running;
use crate::talk;
use flow::reload::{Reloaded, ReloadedTable};
use model::{Error, Result};

#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: Args, config: &Config) -> Result<Answer> {
    let answer = Running::need(&config.store.data_dir)?.post("/api/reload", "")?;
    let json = |error| Error::bug("cannot read JSON").source(error);
    let reloaded: Reloaded = serde_json::from_str(&answer).map_err(json)?;
    talk::say(render(&reloaded));
    Ok(Answer::Yes)
}

pub(crate) fn render(reloaded: &Reloaded) -> String {
    if reloaded.tables.is_empty() {
        return "nothing changed in the configuration".to_owned();
    }
    let mut lines: Vec<String> =
        reloaded.tables.iter().map(|table| of_table(table, reloaded.paused)).collect();
    if reloaded.paused {
        lines.push("the pipeline is paused: it goes on so after millrace resume".to_owned());
    }
    lines.join("\n")
}

fn of_table(table: &ReloadedTable, paused: bool) -> String {
    let what = match table.changed.as_slice() {
        [] => "its section".to_owned(),
        keys => keys.join(", "),
    };
    let now = match table.state.as_deref() {
        _ if paused => return format!("{}: {what} changed", table.name),
        Some("streaming") => format!("it goes on with that{}", but_not(table)),
        Some("waiting" | "copying") => "it is copied; watch it: millrace status".to_owned(),
        _ => match &table.last_error {
            Some(error) => error.replace('\n', "\n  "),
            None => "no published table has that name; one that had it before follows".to_owned(),
        },
    };
    format!("{}: {what} changed; {now}", table.name)
}

/// What a table is made with.
fn but_not(table: &ReloadedTable) -> String {
    let is_made_with = |key: &&String| matches!(key.as_str(), "order_by" | "partition_by" | "ttl");
    let made_with: Vec<&str> =
        table.changed.iter().filter(is_made_with).map(String::as_str).collect();
    let (name, keys) = (&table.name, made_with.join(", "));
    match (made_with.is_empty(), table.mode.as_deref()) {
        (true, _) => String::new(),
        (false, Some("append")) => {
            format!(
                ", but for {keys}, which a table is made with: millrace resync '{name}' makes one"
            )
        }
        (false, _) => format!(", but for {keys}, which a table is made with"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_each_table_is_said() {
        let table =
            |name: &str, keys: &[&str], state: Option<&str>, error: Option<&str>| ReloadedTable {
                name: name.into(),
                mode: Some("append".into()),
                changed: keys.iter().map(|key| (*key).to_owned()).collect(),
                state: state.map(str::to_owned),
                last_error: error.map(str::to_owned),
            };
        let tables = vec![
            table("public.a", &["columns.n.exclude", "ttl"], Some("streaming"), None),
            table("public.b", &["columns.n.exclude"], Some("waiting"), None),
            table("public.c", &["mode"], Some("failed"), Some("cannot stream\nhint: ALTER")),
            table("public.d", &[], None, None),
        ];
        assert_eq!(
            render(&Reloaded { tables: tables.clone(), paused: false }),
            "public.a: columns.n.exclude, ttl changed; it goes on with that, but for ttl, which a table is \
             made with: millrace resync 'public.a' makes one\n\
             public.b: columns.n.exclude changed; it is copied; watch it: millrace status\n\
             public.c: mode changed; cannot stream\n  hint: ALTER\n\
             public.d: its section changed; no published table has that name; one that had it before \
             follows"
        );
        let paused = render(&Reloaded { tables: tables[..1].to_vec(), paused: true });
        assert!(
            paused
                .ends_with("changed\nthe pipeline is paused: it goes on so after millrace resume"),
            "{paused}"
        );
        assert!(render(&Reloaded { tables: vec![], paused: false }).starts_with("nothing changed"));
    }
}
