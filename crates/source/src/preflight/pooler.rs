//! PgBouncer and its kind. Logical replication needs the server itself.
//!
//! Two sessions that are open at the same time have two processes on a server. A pooler that hands
//! processes out by transaction gives the second session the one that the first has just left.

use super::{Cloud, Finding, Level, reading};
use crate::address::Address;
use crate::client::connect;
use model::Result;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Answers whether a pooler makes every other question pointless.
pub(super) async fn inspect(
    address: &Address,
    client: &Client,
    findings: &mut Vec<Finding>,
) -> Result<bool> {
    let second = connect(address).await?;
    let ours = number(client, "select pg_backend_pid()").await?;
    if ours.is_some() && ours == number(&second, "select pg_backend_pid()").await? {
        let what = format!("{} is a pooler that shares sessions between clients", address.place());
        findings.push(
            Finding::new(Level::Error, "pooler", what)
                .why("A replication connection needs a session of its own, from the server itself.")
                .cure(pooler_cure(client).await),
        );
        return Ok(true);
    }
    let port = number(client, "select inet_server_port()").await?;
    let asked = address.config().get_ports().first().copied().unwrap_or(5432);
    let tcp = address.config().get_hosts().iter().any(|host| matches!(host, Host::Tcp(_)));
    if let Some(port) = port.filter(|port| tcp && *port != i64::from(asked)) {
        let what = format!("{} leads to a server that listens on port {port}", address.place());
        findings.push(
            Finding::new(Level::Note, "pooler", what)
                .why(
                    "A pooler or a forwarded port is in between. A forwarded port does no harm; \
                     a pooler refuses the replication connection.",
                )
                .cure(format!("if it is a pooler: {}", pooler_cure(client).await)),
        );
    }
    Ok(false)
}

async fn pooler_cure(client: &Client) -> &'static str {
    Cloud::detect(client).await.unwrap_or(Cloud::Own).cure_pooler()
}

/// By the simple protocol: poolers mix up prepared statements.
async fn number(client: &Client, sql: &str) -> Result<Option<i64>> {
    let messages = client.simple_query(sql).await.map_err(reading)?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    }))
}
