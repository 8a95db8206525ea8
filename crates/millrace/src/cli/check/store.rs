//! What `check` finds of a store that is a server.

use crate::config::Config;
use model::Result;
use source::preflight::{Finding, Level};
use std::collections::BTreeSet;
use store::Target;
use store::remote::Remote;

/// `targets`: what would be kept there.
pub(super) async fn findings(config: &Config, targets: &[Target]) -> Result<Vec<Finding>> {
    let Some(options) = config.remote(None)? else { return Ok(Vec::new()) };
    let databases = targets.iter().flat_map(|target| [&target.name.schema, &target.rows.schema]);
    let databases: BTreeSet<&str> = databases.map(String::as_str).collect();
    let databases: Vec<&str> = databases.into_iter().collect();
    let remarks = Remote::new(options)?.preflight(&config.source.slot, &databases).await;
    let finding = |remark: store::remote::Remark| {
        let level = if remark.is_error { Level::Error } else { Level::Warning };
        let finding = Finding::new(level, remark.code, remark.what).why(remark.why);
        match remark.cure {
            Some(cure) => finding.cure(cure),
            None => finding,
        }
    };
    Ok(remarks.into_iter().map(finding).collect())
}
