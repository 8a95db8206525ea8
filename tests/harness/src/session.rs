//! A blocking session on the source, for writers that must know when their commit was answered.

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

pub struct Session {
    runtime: Runtime,
    client: Client,
}

impl Session {
    pub fn open(url: &str) -> Result<Session, String> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let opened = runtime.block_on(tokio_postgres::connect(url, NoTls));
        let (client, connection) = opened.map_err(|error| error.to_string())?;
        runtime.spawn(async move {
            // Whoever waits for an answer gets the same error.
            let _ = connection.await;
        });
        Ok(Session { runtime, client })
    }

    /// One or many statements.
    pub fn run(&mut self, sql: &str) -> Result<(), String> {
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(|error| {
            let detail = error.as_db_error().map_or(String::new(), |e| format!(": {e}"));
            format!("{error}{detail}")
        })
    }
}
