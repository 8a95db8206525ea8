//! The shop's project, which the demo writes beside its millrace.toml: dbt's, dashboards, rules.

use model::{Error, Result};
use std::net::SocketAddr;
use std::path::Path;

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../examples/shop/", $path)))),*]
    };
}

const FILES: &[(&str, &str)] = files![
    "alerting/contact-points.yaml",
    "alerting/policies.yaml",
    "alerting/rules.yaml",
    "dashboards/money.json",
    "dashboards/operations.json",
    "dashboards/pipe.json",
    "dashboards/product.json",
    "dashboards/pulse.json",
    "dbt/dbt_project.yml",
    "dbt/macros/schema_names.sql",
    "dbt/macros/since.sql",
    "dbt/models/marts/_marts.yml",
    "dbt/models/marts/_unit_tests.yml",
    "dbt/models/marts/dau_wau_mau.sql",
    "dbt/models/marts/error_rate_by_version.sql",
    "dbt/models/marts/feature_adoption_by_cohort_week.sql",
    "dbt/models/marts/funnel_people.sql",
    "dbt/models/marts/funnel_signup_to_purchase.sql",
    "dbt/models/marts/latency_by_endpoint.sql",
    "dbt/models/marts/mrr_movements.sql",
    "dbt/models/marts/orders_daily.sql",
    "dbt/models/marts/product_sales_daily.sql",
    "dbt/models/marts/retention_by_signup_week.sql",
    "dbt/models/marts/retention_weekly.sql",
    "dbt/models/marts/sessions_daily.sql",
    "dbt/models/rollups/_rollups.yml",
    "dbt/models/rollups/events_per_minute.sql",
    "dbt/models/rollups/requests_per_minute.sql",
    "dbt/models/staging/_sources.yml",
    "dbt/models/staging/_staging.yml",
    "dbt/models/staging/stg_events.sql",
    "dbt/models/staging/stg_order_items.sql",
    "dbt/models/staging/stg_orders.sql",
    "dbt/models/staging/stg_products.sql",
    "dbt/models/staging/stg_refunds.sql",
    "dbt/models/staging/stg_subscriptions.sql",
    "dbt/models/staging/stg_users.sql",
    "dbt/profiles.yml",
    "dbt/tests/generic/unique_together.sql",
];

/// Where alerts go in the example, and which stands for the demo's own.
const SINK: &str = "${MILLRACE_DEMO_SINK_PORT}";

pub(super) fn write(folder: &Path, sink: SocketAddr) -> Result<()> {
    for (path, text) in FILES {
        let path = folder.join(path);
        let text = text.replace(SINK, &sink.port().to_string());
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
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop");
        let mut found = Vec::new();
        let mut folders = ["alerting", "dashboards", "dbt"].map(|name| root.join(name)).to_vec();
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                match path.is_dir() {
                    true if ["dbt/target", "dbt/logs"].contains(&name.as_str()) => {}
                    true => folders.push(path),
                    false if path.file_name().unwrap().to_str().unwrap().starts_with('.') => {}
                    false => found.push(name),
                }
            }
        }
        found.sort();
        let written: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        assert_eq!(written, found);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "127.0.0.1:4567".parse().unwrap()).unwrap();
        let points = std::fs::read_to_string(folder.path().join("alerting/contact-points.yaml"));
        assert!(points.unwrap().contains("http://127.0.0.1:4567/"));
    }
}
