//! The shop's dbt project, which the demo writes beside its millrace.toml.

use model::{Error, Result};
use std::path::Path;

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../examples/shop/dbt/", $path)))),*]
    };
}

const FILES: &[(&str, &str)] = files![
    "dbt_project.yml",
    "macros/schema_names.sql",
    "macros/since.sql",
    "models/marts/_marts.yml",
    "models/marts/_unit_tests.yml",
    "models/marts/dau_wau_mau.sql",
    "models/marts/error_rate_by_version.sql",
    "models/marts/feature_adoption_by_cohort_week.sql",
    "models/marts/funnel_signup_to_purchase.sql",
    "models/marts/latency_by_endpoint.sql",
    "models/marts/mrr_movements.sql",
    "models/marts/orders_daily.sql",
    "models/marts/retention_weekly.sql",
    "models/marts/sessions_daily.sql",
    "models/rollups/_rollups.yml",
    "models/rollups/events_per_minute.sql",
    "models/staging/_sources.yml",
    "models/staging/_staging.yml",
    "models/staging/stg_events.sql",
    "models/staging/stg_order_items.sql",
    "models/staging/stg_orders.sql",
    "models/staging/stg_products.sql",
    "models/staging/stg_refunds.sql",
    "models/staging/stg_subscriptions.sql",
    "models/staging/stg_users.sql",
    "profiles.yml",
    "tests/generic/unique_together.sql",
];

pub(super) fn write(folder: &Path) -> Result<()> {
    for (path, text) in FILES {
        let path = folder.join(path);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, text)).map_err(|error| {
            Error::definite(format!("cannot write {}", path.display())).source(error)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without what dbt leaves behind.
    #[test]
    fn every_file_of_the_example_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop/dbt");
        let mut found = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                match path.is_dir() {
                    true if ["target", "logs"].contains(&name.as_str()) => {}
                    true => folders.push(path),
                    false if name.starts_with('.') => {}
                    false => found.push(name),
                }
            }
        }
        found.sort();
        let written: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        assert_eq!(written, found);
    }
}
