//! A throwaway Postgres with a lively shop in it, and the pipeline on it.
//!
//! ```text
//! folder ─▶ Postgres ─▶ schema, history ─▶ sink ─▶ mill ─▶ traffic ─▶ the live line
//! ```
//!
//! Everything ends in the opposite order, by drops, so that an error or a panic ends it too. Postgres
//! asks the kernel to be told when we die, so that not even `kill -9` leaves it behind.

mod files;
mod kept;
mod postgres;
mod runs;
mod sink;

use crate::assemble::{Mill, Ports, stop_signal};
use crate::config::{Config, DEFAULT_CLICKHOUSE, DEFAULT_UI};
use crate::keeper::Keeper;
use crate::talk::{self, Paint};
use model::words::{counted, grouped};
use model::{Error, Result};
use postgres::Postgres;
use sink::Sink;
use source::Address;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;

const SCHEMA: &str = include_str!("../../../../examples/shop/schema.sql");
const SEED: &str = include_str!("../../../../examples/shop/seed.sql");
const TRAFFIC: &str = include_str!("../../../../examples/shop/traffic.sql");
const CONFIG: &str = include_str!("../../../../examples/shop/millrace.toml");

const DATABASE: &str = "shop";
/// Some twenty changes each.
const TRAFFIC_INTERVAL: Duration = Duration::from_millis(50);
const TRAFFIC_RETRY: Duration = Duration::from_secs(1);
const LIVE_INTERVAL: Duration = Duration::from_secs(1);
/// Without a terminal nobody wants a line a second.
const LIVE_PLAIN_EVERY: u64 = 10;

pub(crate) struct Demo;

impl Demo {
    pub(crate) async fn run(keep: bool) -> Result<()> {
        let stop = stop_signal()?;
        let folder = Folder::create(keep)?;
        tokio::pin!(stop);
        let mut postgres = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            postgres = prepare(&folder) => postgres?,
        };
        let sink = Sink::start().await?;
        let config = project(&folder, &postgres, sink.place)?;
        let mill = Mill::start(&config, Ports::bind(&config)?).await?;
        // What it does is told by a line of the demo's own.
        let mut keeper = Keeper::start(&config, "error")?;
        let traffic = Traffic::start(postgres.url(DATABASE).parse()?);
        introduce(&folder, &mill, &postgres);
        let live = tokio::spawn(live(mill.handle(), mill.store()));
        let stopped = mill
            .run_until(async {
                (&mut stop).await;
                talk::say("\nstopping");
                drop(traffic);
                if let Some(mut keeper) = keeper.take() {
                    let _ = tokio::task::spawn_blocking(move || keeper.end()).await;
                }
            })
            .await;
        live.abort();
        postgres.stop();
        stopped
    }
}

/// Removed when dropped, unless it is to be kept.
struct Folder {
    path: PathBuf,
    keep: bool,
}

/// The README's commands name it; a second demo beside the first takes another.
const FOLDER: &str = "millrace-demo";

impl Folder {
    fn create(keep: bool) -> Result<Folder> {
        let mut path = std::env::temp_dir().join(FOLDER);
        if path.exists() {
            path.set_file_name(format!("{FOLDER}-{}", std::process::id()));
        }
        let cannot = |error: std::io::Error| {
            Error::definite(format!("cannot create {}", path.display())).source(error)
        };
        std::fs::create_dir(&path).map_err(cannot)?;
        let folder = Folder { path: path.clone(), keep };
        std::fs::create_dir(path.join("shop")).map_err(cannot)?;
        Ok(folder)
    }

    fn project(&self) -> PathBuf {
        self.path.join("shop")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.path);
        } else if let Ok(text) = kept::text(&self.path) {
            talk::say(text);
        }
    }
}

/// A server with the shop's history.
async fn prepare(folder: &Folder) -> Result<Postgres> {
    let began = Instant::now();
    talk::say("starting a throwaway Postgres");
    let postgres = Postgres::start(&folder.path).await?;
    let server = source::client::connect(&postgres.url("postgres").parse()?).await?;
    run(&server, "create the database", &format!("create database {DATABASE}")).await?;
    talk::say("writing 90 days of the shop's history: about 2 million events, 15 seconds or so");
    let shop = source::client::connect(&postgres.url(DATABASE).parse()?).await?;
    run(&shop, "create the shop's tables", SCHEMA).await?;
    run(&shop, "write the shop's history", SEED).await?;
    run(&shop, "create the shop's traffic", TRAFFIC).await?;
    talk::say(format!("history written after {:.0} s", began.elapsed().as_secs_f64()));
    Ok(postgres)
}

async fn run(client: &tokio_postgres::Client, doing: &str, sql: &str) -> Result<()> {
    client.batch_execute(sql).await.map_err(|error| source::client::pg_error(doing, error))
}

/// The example's own file, with this server's address and free ports in it.
fn project(folder: &Folder, postgres: &Postgres, sink: SocketAddr) -> Result<Config> {
    let url = postgres.url(DATABASE);
    let mut text = CONFIG.replace("${DATABASE_URL}", &url);
    for place in [DEFAULT_CLICKHOUSE, DEFAULT_UI] {
        let place: SocketAddr = place.parse().expect("a constant");
        if TcpListener::bind(place).is_err() {
            talk::warning(&format!("port {} is in use, taking a free one", place.port()));
            text = text.replace(&place.to_string(), &format!("{}:0", place.ip()));
        }
    }
    // Nobody watches a demo for long.
    text = text.replace("every  = \"5m\"", "every  = \"1m\"");
    let path = folder.project().join("millrace.toml");
    std::fs::write(&path, &text).map_err(|error| {
        Error::definite(format!("cannot write {}", path.display())).source(error)
    })?;
    let config = Config::load(&path)?;
    files::write(config.folder(), sink)?;
    Ok(config)
}

fn introduce(folder: &Folder, mill: &Mill, postgres: &Postgres) {
    let places = mill.places();
    let Some(clickhouse) = places.clickhouse else { return };
    let ui = places.ui;
    let project = folder.project();
    let config = project.join("millrace.toml");
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("millrace"));
    let millrace = format!("{} -c {}", shown(&program), config.display());
    let bold = |text: &str| talk::words(text, Paint::Bold);
    talk::say(format!(
        "
{}
  the page    http://{ui}   dashboards, the pipe, runs, SQL, alerts
  ClickHouse  http://{clickhouse}   its own HTTP protocol
  Postgres    psql '{}'
  project     {}

{}
  curl 'http://{clickhouse}/' --data-binary 'SELECT count(), max(occurred_at) FROM analytics.events'

  {millrace} sql \"
    SELECT toStartOfMinute(occurred_at) AS minute, count() AS events, uniq(user_id) AS people,
           countIf(event_name = 'purchase') AS purchases
      FROM analytics.events WHERE occurred_at > now() - INTERVAL 10 MINUTE
     GROUP BY minute ORDER BY minute\"

  {millrace} sql \"
    SELECT level, count() AS people FROM (
      SELECT user_id, windowFunnel(3600)(toDateTime(occurred_at), event_name = 'product_view',
               event_name = 'add_to_cart', event_name = 'checkout_start', event_name = 'purchase') AS level
        FROM analytics.events WHERE occurred_at > now() - INTERVAL 7 DAY GROUP BY user_id)
     GROUP BY level ORDER BY level\"

  {millrace} sql 'SELECT * FROM marts.orders_daily ORDER BY day DESC LIMIT 7'   # dbt builds it every minute

  {millrace} status
  {millrace} verify

Ctrl-C ends everything.
",
        bold("The shop is open."),
        postgres.url(DATABASE),
        project.display(),
        bold("Try, in another terminal:"),
    ));
}

/// As short as it works from here.
fn shown(program: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    program.strip_prefix(here).unwrap_or(program).display().to_string()
}

/// The shop's customers. They leave when this is dropped.
struct Traffic(tokio::task::JoinHandle<()>);

impl Traffic {
    fn start(address: Address) -> Traffic {
        Traffic(tokio::spawn(async move {
            loop {
                if let Err(error) = trade(&address).await {
                    tracing::warn!(error = %error.report(), "the shop's traffic stumbled");
                }
                tokio::time::sleep(TRAFFIC_RETRY).await;
            }
        }))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn trade(address: &Address) -> Result<()> {
    let client = source::client::connect(address).await?;
    let mut clock = tokio::time::interval(TRAFFIC_INTERVAL);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        run(&client, "trade in the shop", "call shop_traffic()").await?;
    }
}

/// What the pipeline measures of itself, a line that stays where it is on a terminal.
async fn live(handle: flow::Handle, store: Arc<dyn Store>) {
    let terminal = talk::stderr_is_terminal();
    let mut clock = tokio::time::interval(LIVE_INTERVAL);
    let mut runs = runs::Told::default();
    for tick in 0u64.. {
        clock.tick().await;
        for line in runs.new_ones(store.as_ref()).await {
            if terminal {
                talk::rewrite("");
            }
            talk::say(line);
        }
        if !terminal && tick % LIVE_PLAIN_EVERY != 0 {
            continue;
        }
        // The table may not exist yet.
        let sql = "SELECT count() FROM analytics.events";
        let events = store.query(sql).await.ok().and_then(|rows| rows.first()?.first()?.clone());
        let events = events.and_then(|text| text.parse().ok());
        let line = live_line(&handle.report(), events);
        if terminal { talk::rewrite(&line) } else { talk::say(line) }
    }
}

fn live_line(report: &flow::status::Report, events: Option<u64>) -> String {
    if report.tables.is_empty() {
        return "starting: the tables are not known yet".to_owned();
    }
    let streaming =
        report.tables.iter().filter(|table| table.state == flow::status::State::Streaming).count();
    // An empty sum is -0.
    let rate = report.tables.iter().fold(0.0, |sum, table| sum + table.rows_per_second);
    let events = events.map_or("-".into(), grouped);
    let freshness = match (report.freshness_ms.p50, report.freshness_ms.p99) {
        (Some(p50), Some(p99)) => format!("visible after {p50} ms (p99 {p99} ms)"),
        _ => "not measured yet".to_owned(),
    };
    format!(
        "{streaming} of {} streaming | {events} events | {rate:.0} rows/s | {freshness} | lag {}, {:.1} s",
        counted(report.tables.len() as u64, "table"),
        talk::bytes(report.source.lag_bytes),
        report.source.lag_seconds,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_line_speaks_of_tables_once_they_are_known() {
        let nothing = flow::status::Status::default().report();
        assert_eq!(live_line(&nothing, None), "starting: the tables are not known yet");
    }
}
