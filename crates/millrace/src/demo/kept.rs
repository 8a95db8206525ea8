//! What `--keep` leaves behind, and the commands that go on with it.

use super::DATABASE;
use super::postgres::{self, Postgres};
use crate::talk::{self, Paint};
use model::Result;
use std::path::Path;

/// Each line works as it stands, wherever it is pasted.
pub(super) fn text(folder: &Path) -> Result<String> {
    let (server, project) = (folder.join("postgres"), folder.join("shop"));
    // Without a project it was interrupted before there was anything to go on with.
    if !project.join("millrace.toml").exists() {
        return Ok(format!("kept: {0}; to remove it: rm -rf {0}", folder.display()));
    }
    let program = std::env::current_exe().unwrap_or_else(|_| "millrace".into());
    let millrace = format!("cd {} && {}", project.display(), program.display());
    let pg_ctl = format!("cd {} && {}", server.display(), postgres::as_typed("pg_ctl")?);
    let bold = |text: &str| talk::words(text, Paint::Bold);
    Ok(format!(
        "
{kept}
  {pg_ctl} -D data -l log -w start
  {millrace} up

{ask}
  {millrace} sql 'SELECT count() FROM analytics.events'
  psql '{url}' -c 'CALL shop_traffic()'

{remove}
  {pg_ctl} -D data -m fast -w stop; rm -rf {folder}",
        kept = bold(&format!("Kept in {}. To start it again:", folder.display())),
        ask = bold("To ask it, and to have the shop sell something, in another terminal:"),
        remove = bold("To remove it, once `up` has ended:"),
        url = Postgres::url_of(&server, DATABASE),
        folder = folder.display(),
    ))
}
