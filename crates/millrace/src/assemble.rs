//! From configuration to a running mill, and to its orderly end.
//!
//! ```text
//! ports ─▶ store ─▶ door and ops ─▶ pipeline ─▶ note        the order of starting
//! pipeline drains ─▶ door and ops close ─▶ store closes     the order of stopping
//! ```
//!
//! Ports first: a port in use must not cost the time to open an engine; and before them a look at the
//! lock, or a second `up` of the same project would hear of ports. The door before the
//! pipeline: whatever is in the store can be queried while the source is still being reached. A store that
//! is a server has its own door.

use crate::config::Config;
use crate::home::Home;
use crate::reload::Reloading;
use crate::running::{Note, Running};
use model::{Error, Result};
use serve::{Port, Tls};
use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::{DataDir, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Requests that still run get 10 s of it after the pipeline has drained, then the log of statements is
/// written.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(15);
/// Threads that still wait for the source get this long when all is done.
const LEAVE_MOST: Duration = Duration::from_secs(1);

/// The ports, taken; nobody serves there yet.
pub(crate) struct Ports {
    clickhouse: Option<TcpListener>,
    clickhouse_tls: Option<(TcpListener, Arc<Tls>)>,
    ui: TcpListener,
}

impl Ports {
    pub(crate) fn bind(config: &Config) -> Result<Ports> {
        DataDir::look(&config.store.data_dir)?;
        let (clickhouse, ui) = (config.serve.clickhouse, config.serve.ui);
        let mut ports = Ports::bind_to(config.store.remote.is_none().then_some(clickhouse), ui)?;
        if let Some((place, files)) = &config.serve.clickhouse_tls {
            let tls = Arc::new(Tls::open(files.clone())?);
            ports.clickhouse_tls = Some((bind("serve.clickhouse_tls", *place)?, tls));
        }
        Ok(ports)
    }

    /// Any that are free, for a mill that runs only for a moment.
    pub(crate) fn any(config: &Config) -> Result<Ports> {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Ports::bind_to(config.store.remote.is_none().then_some(free), free)
    }

    fn bind_to(clickhouse: Option<SocketAddr>, ui: SocketAddr) -> Result<Ports> {
        let clickhouse = match clickhouse {
            Some(place) => Some(bind("serve.clickhouse", place)?),
            None => None,
        };
        Ok(Ports { clickhouse, clickhouse_tls: None, ui: bind("serve.ui", ui)? })
    }
}

fn bind(key: &str, place: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(place).map_err(|error| {
        let key = format!("[serve] {}", key.trim_start_matches("serve."));
        match error.kind() {
            std::io::ErrorKind::AddrInUse => Error::definite(format!(
                "cannot listen on {place}: port {} is in use",
                place.port()
            ))
            .hint(format!(
                "find who has it: ss -ltnp 'sport = :{}'; or set another port: {key} = \"{}:0\"",
                place.port(),
                place.ip()
            )),
            _ => Error::definite(format!("cannot listen on {place}"))
                .hint(format!("set another address: {key}"))
                .source(error),
        }
    })
}

/// What stands elsewhere, in variables and secret files, in its place.
pub(crate) struct Resolved {
    stream: Option<flow::Options>,
    #[cfg(feature = "kafka")]
    topics: Option<flow::kafka::KafkaOptions>,
    users: serve::access::File,
    mail: Option<serve::alerts::Mail>,
    rules: serve::alerts::Project,
}

impl Resolved {
    pub(crate) fn of(config: &Config) -> Result<Resolved> {
        Ok(Resolved {
            stream: config.pipeline()?,
            #[cfg(feature = "kafka")]
            topics: config.topics()?,
            users: config.serve.users.file()?,
            mail: config.alerts.mail()?,
            rules: serve::alerts::Project::read(config.folder()),
        })
    }

    /// Files of alert rules that are not in the project.
    pub(crate) fn elsewhere(&self, project: &Path) -> BTreeSet<PathBuf> {
        self.rules.elsewhere(project)
    }

    pub(crate) fn source(&self) -> Option<&source::Address> {
        self.stream.as_ref().map(|stream| &stream.address)
    }
}

fn served(listener: TcpListener) -> Result<tokio::net::TcpListener> {
    let taken = listener.set_nonblocking(true);
    let taken = taken.and_then(|()| tokio::net::TcpListener::from_std(listener));
    taken.map_err(|error| Error::bug("cannot serve at a port").source(error))
}

/// The ways in: the direct stream, topics, or both.
struct Ways {
    stream: Option<flow::Pipeline>,
    #[cfg(feature = "kafka")]
    topics: Option<flow::kafka::Kafka>,
}

impl Ways {
    fn handle(&self) -> Result<flow::Handle> {
        let stream = self.stream.as_ref().map(flow::Pipeline::handle);
        #[cfg(feature = "kafka")]
        if let Some(topics) = self.topics.as_ref().map(flow::kafka::Kafka::handle) {
            return Ok(match stream {
                Some(stream) => stream.with_topics(topics),
                None => flow::Handle::of_topics(topics),
            });
        }
        stream.ok_or_else(|| Error::bug("nothing is read"))
    }

    /// Why one of them has ended by itself.
    async fn ended(&mut self) -> Error {
        let stream = async {
            match &mut self.stream {
                Some(stream) => stream.ended().await,
                None => std::future::pending().await,
            }
        };
        #[cfg(feature = "kafka")]
        return tokio::select! {
            error = stream => error,
            error = async {
                match &mut self.topics {
                    Some(topics) => topics.ended().await,
                    None => std::future::pending().await,
                }
            } => error,
        };
        #[cfg(not(feature = "kafka"))]
        stream.await
    }

    async fn shutdown(self) -> Result<()> {
        let stream = async {
            match self.stream {
                Some(stream) => stream.shutdown().await,
                None => Ok(()),
            }
        };
        #[cfg(feature = "kafka")]
        if let Some(topics) = self.topics {
            let (stream, topics) = tokio::join!(stream, topics.shutdown());
            return stream.and(topics);
        }
        stream.await
    }
}

/// Everything that runs.
pub(crate) struct Mill {
    ways: Ways,
    handle: flow::Handle,
    reloading: Arc<Reloading>,
    places: Running,
    close: watch::Sender<bool>,
    servers: Vec<JoinHandle<Result<()>>>,
    home: Home,
    note: Note,
}

impl Mill {
    /// Without anything around it, for whom the machine's files are not in danger.
    pub(crate) async fn start(config: &Config, ports: Ports) -> Result<Mill> {
        Mill::start_in(config, Resolved::of(config)?, ports, None).await
    }

    /// `confined`: whether the kernel keeps this process to its files, where it was asked to.
    pub(crate) async fn start_in(
        config: &Config,
        resolved: Resolved,
        ports: Ports,
        confined: Option<bool>,
    ) -> Result<Mill> {
        #[cfg(feature = "kafka")]
        let topics = resolved.topics;
        let Resolved { stream, users, mail, rules, .. } = resolved;
        let home = Home::open(config, Some(&users)).await?;
        let local = |listener: &TcpListener| {
            listener.local_addr().map_err(|error| Error::bug("cannot name a port").source(error))
        };
        let places = Running {
            pid: std::process::id(),
            clickhouse: ports.clickhouse.as_ref().map(local).transpose()?,
            clickhouse_tls: (ports.clickhouse_tls.as_ref())
                .map(|(listener, _)| local(listener))
                .transpose()?,
            ui: local(&ports.ui)?,
            token: serve::people::token(),
        };
        let (close, closed) = watch::channel(false);
        let mut servers = Vec::new();
        let mut desk = serve::people::Desk::Server(home.reader());
        if let (Some(engine), Some(plain)) = (home.engine(), ports.clickhouse) {
            let mut doors = vec![Port::from(served(plain)?)];
            if let Some((listener, tls)) = ports.clickhouse_tls {
                doors.push(Port { listener: served(listener)?, tls: Some(tls) });
            }
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let inside = serve::clickhouse::Inside::open(engine.clone(), users, cores).await?;
            desk = serve::people::Desk::Door(inside.clone());
            servers.push(tokio::spawn(inside.serve(doors, until(closed.clone()))));
        }
        let keys = serve::people::Keys::open(home.data_dir())?;
        #[cfg(feature = "kafka")]
        if home.engine().is_some() {
            // A process that was killed, and had ClickHouse read: whoever reads now does so alone.
            flow::kafka::engine::clear(home.store().as_ref()).await?;
        }
        let ways = Ways {
            stream: stream.map(|options| flow::Pipeline::start(options, home.store())),
            #[cfg(feature = "kafka")]
            topics: topics.map(|options| flow::kafka::Kafka::start(options, home.store())),
        };
        let handle = ways.handle()?;
        let reloading = Reloading::new(config.clone(), handle.clone());
        let ops = serve::ops::Ops {
            handle: handle.clone(),
            reload: reload(reloading.clone()),
            store: home.store(),
            confined,
            version: VERSION,
        };
        let page = serve::people::Options {
            ops,
            desk,
            folder: config.folder().to_owned(),
            compiled: serve::people::Compiled {
                target: config.transform.project.join("target"),
                schedules: home.data_dir().join("transform"),
            },
            keys,
            prefix: config.serve.ui_prefix.clone(),
            proxy: config.serve.ui_proxy.clone(),
            token: places.token.clone(),
            alerts: serve::alerts::Options {
                folder: config.folder().to_owned(),
                reader: home.reader(),
                store: home.store(),
                external_url: external_url(config, places.ui),
                mail,
                project: rules,
            },
        };
        servers.push(tokio::spawn(serve::people::serve(served(ports.ui)?, page, until(closed))));
        let note = places.leave_note(home.data_dir())?;
        Ok(Mill { ways, handle, reloading, places, close, servers, home, note })
    }

    pub(crate) fn places(&self) -> &Running {
        &self.places
    }

    pub(crate) fn handle(&self) -> flow::Handle {
        self.handle.clone()
    }

    pub(crate) fn reloading(&self) -> Arc<Reloading> {
        self.reloading.clone()
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        self.home.store()
    }

    /// Waits for `stop`, or for the pipeline to end by itself; then ends everything in order.
    pub(crate) async fn run_until(mut self, stop: impl Future<Output = ()>) -> Result<()> {
        let ended = tokio::select! {
            biased;
            () = stop => None,
            error = self.ways.ended() => Some(error),
        };
        let drained = self.end().await;
        match ended {
            Some(error) => Err(error),
            None => drained,
        }
    }

    /// Drains, then closes.
    pub(crate) async fn end(self) -> Result<()> {
        self.home.close_soon();
        let drained = self.ways.shutdown().await;
        drop(self.note);
        self.close.send_replace(true);
        for mut server in self.servers {
            match tokio::time::timeout(CLOSE_TIMEOUT, &mut server).await {
                Ok(Ok(Err(error))) => {
                    tracing::warn!(error = %error.report(), "a server ended badly")
                }
                Ok(_) => {}
                // A request that never ends must not keep us.
                Err(_) => server.abort(),
            }
        }
        drop(self.home);
        drained
    }
}

/// Where people find the page.
fn external_url(config: &Config, ui: SocketAddr) -> String {
    let own = || format!("http://{ui}{}/", config.serve.ui_prefix);
    config.alerts.url.clone().unwrap_or_else(own)
}

fn reload(reloading: Arc<Reloading>) -> serve::ops::Reload {
    Arc::new(move || Box::pin(reloading.clone().reload()))
}

async fn until(mut closed: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is an end too.
    let _ = closed.wait_for(|closed| *closed).await;
}

/// Runs a verb's asynchronous part. What still blocks a thread when it is done (a statement that
/// waits for other transactions of the source) does not keep the process.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        built.map_err(|error| Error::definite("cannot start the runtime").source(error))?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(LEAVE_MOST);
    done
}

/// Completes at the first SIGINT or SIGTERM; the second ends the process at once.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| {
        signal(kind).map_err(|error| Error::definite("cannot listen for signals").source(error))
    };
    let (mut interrupt, mut terminate) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let (first, heard) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut first = Some(first);
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            match first.take() {
                Some(first) => drop(first.send(())),
                None => std::process::exit(130),
            }
        }
    });
    Ok(async move { drop(heard.await) })
}
