//! Who runs the server. Managed clouds forbid `ALTER SYSTEM` and have ways of their own.

use super::reading;
use model::Result;
use tokio_postgres::Client;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cloud {
    /// A server whose superuser the user may be.
    Own,
    Rds,
    GoogleSql,
    Azure,
    Supabase,
    Neon,
}

impl Cloud {
    /// Each leaves a role that no other server has.
    pub(super) async fn detect(client: &Client) -> Result<Cloud> {
        let sql = "select rolname::text from pg_roles where rolname in ('rds_superuser',
                   'cloudsqlsuperuser', 'azure_pg_admin', 'supabase_admin', 'neon_superuser')";
        let rows = client.query(sql, &[]).await.map_err(reading)?;
        let roles: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        Ok(Cloud::from_roles(&roles))
    }

    fn from_roles(roles: &[&str]) -> Cloud {
        let known = [
            ("rds_superuser", Cloud::Rds),
            ("cloudsqlsuperuser", Cloud::GoogleSql),
            ("azure_pg_admin", Cloud::Azure),
            ("supabase_admin", Cloud::Supabase),
            ("neon_superuser", Cloud::Neon),
        ];
        let found = known.iter().find(|(role, _)| roles.contains(role));
        found.map_or(Cloud::Own, |(_, cloud)| *cloud)
    }

    pub(super) fn cure_wal_level(self) -> String {
        match self {
            Cloud::Own => "ALTER SYSTEM SET wal_level = 'logical';  -- then restart Postgres",
            Cloud::Rds => {
                "set rds.logical_replication = 1 in the instance's (Aurora: cluster's) parameter group, \
                 then reboot: aws rds modify-db-parameter-group --db-parameter-group-name GROUP \
                 --parameters \"ParameterName=rds.logical_replication,ParameterValue=1,\
                 ApplyMethod=pending-reboot\""
            }
            Cloud::GoogleSql => {
                "gcloud sql instances patch INSTANCE \
                 --database-flags=cloudsql.logical_decoding=on  -- restarts it; name your other flags too"
            }
            Cloud::Azure => {
                "az postgres flexible-server parameter set --resource-group GROUP --server-name SERVER \
                 --name wal_level --value logical  -- then restart the server"
            }
            Cloud::Supabase => {
                "wal_level is logical on Supabase; use the direct connection \
                 (db.PROJECT.supabase.co:5432), not the pooler"
            }
            Cloud::Neon => "enable Logical Replication in the Neon project's settings",
        }
        .to_owned()
    }

    /// A setting that `ALTER SYSTEM` would change elsewhere.
    pub(super) fn cure_setting(self, name: &str, value: &str, restart: bool) -> String {
        let then = if restart { "then restart" } else { "then reload" };
        match self {
            Cloud::Own if restart => {
                format!("ALTER SYSTEM SET {name} = '{value}';  -- then restart Postgres")
            }
            Cloud::Own => format!("ALTER SYSTEM SET {name} = '{value}'; SELECT pg_reload_conf();"),
            Cloud::Rds => format!("set {name} = {value} in the parameter group, {then}"),
            Cloud::GoogleSql => {
                format!("gcloud sql instances patch INSTANCE --database-flags={name}={value}")
            }
            Cloud::Azure => format!(
                "az postgres flexible-server parameter set --resource-group GROUP \
                 --server-name SERVER --name {name} --value {value}  -- {then}"
            ),
            Cloud::Supabase => format!(
                "supabase --experimental --project-ref PROJECT postgres-config update \
                 --config {name}={value}"
            ),
            Cloud::Neon => format!("ask Neon's support for {name} = {value}"),
        }
    }

    pub(super) fn cure_replication(self, role: &str) -> String {
        match self {
            Cloud::Rds => format!("GRANT rds_replication TO {role};"),
            Cloud::Neon => {
                "use a role that was made in Neon's console: those have REPLICATION".to_owned()
            }
            Cloud::Supabase => format!("ALTER ROLE {role} REPLICATION;  -- as postgres"),
            Cloud::GoogleSql => format!("ALTER USER {role} WITH REPLICATION;  -- as postgres"),
            Cloud::Azure => format!("ALTER ROLE {role} WITH REPLICATION;  -- as the admin user"),
            Cloud::Own => format!("ALTER ROLE {role} REPLICATION;  -- as a superuser"),
        }
    }

    /// The connection that does not go through the cloud's own pooler.
    pub(super) fn cure_pooler(self) -> &'static str {
        match self {
            Cloud::Supabase => {
                "use the direct connection in the address: db.PROJECT.supabase.co:5432"
            }
            Cloud::Neon => "take `-pooler` out of the host in the address",
            Cloud::Azure => "use port 5432 instead of 6432 in the address",
            Cloud::Rds => "use the instance's own endpoint, not RDS Proxy's, in the address",
            Cloud::Own | Cloud::GoogleSql => {
                "give the address the server's own host and port (usually 5432), not the pooler's"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_are_told_by_their_roles() {
        assert_eq!(Cloud::from_roles(&[]), Cloud::Own);
        assert_eq!(Cloud::from_roles(&["rds_superuser"]), Cloud::Rds);
        assert_eq!(Cloud::from_roles(&["neon_superuser"]), Cloud::Neon);
    }

    #[test]
    fn a_cloud_is_never_told_to_alter_system() {
        for cloud in [Cloud::Rds, Cloud::GoogleSql, Cloud::Azure, Cloud::Supabase, Cloud::Neon] {
            let cures = [cloud.cure_wal_level(), cloud.cure_setting("max_wal_senders", "20", true)];
            assert!(cures.iter().all(|cure| !cure.contains("ALTER SYSTEM")), "{cures:?}");
        }
        assert!(Cloud::Rds.cure_wal_level().contains("rds.logical_replication = 1"));
        assert_eq!(Cloud::Rds.cure_replication("\"m\""), "GRANT rds_replication TO \"m\";");
    }
}
