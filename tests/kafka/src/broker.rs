//! One Kafka broker that is its own controller (KRaft).
//!
//! It listens at three ports: CLIENT, which the options secure; INTERNAL, plain and with all rights, where this harness
//! and the Connect worker do their work; CONTROLLER, where it speaks with itself.

use crate::jvm::{self, Jvm};
use crate::security::{self, Sasl};
use cluster::free_port;
use harness::Authority;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// The cluster of `formatted/`, see `scripts/setup-kafka.sh`.
const CLUSTER: &str = "bWlsbHJhY2UtLWthZmthMQ";
/// Readiness is asked for again after that.
const ASK_TIMEOUT: Duration = Duration::from_millis(500);

/// Internal topics of one replica and one partition; groups that do not wait for members; a small cleaner.
///
/// A broker that comes back after `kill -9` is only let in when its session from before is over: 9 s by
/// default. A shorter one than this would fence a live broker on a busy machine.
const PROPERTIES: &str = "\
process.roles=broker,controller
node.id=1
inter.broker.listener.name=INTERNAL
controller.listener.names=CONTROLLER
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
";

pub struct BrokerOptions {
    /// Of a topic that comes to be by being written to.
    pub partitions: u32,
    /// At the clients' port; see [`Broker::ca_pem`].
    pub tls: bool,
    /// Who may come in at the clients' port; anybody else may not.
    pub sasl: Option<Sasl>,
    /// That user may do what [`Broker::allow`] has said, and nothing else.
    pub acl: bool,
    /// Further lines of its `server.properties`.
    pub properties: Vec<String>,
    pub java: Vec<String>,
}

impl Default for BrokerOptions {
    fn default() -> BrokerOptions {
        BrokerOptions {
            partitions: 1,
            tls: false,
            sasl: None,
            acl: false,
            properties: Vec::new(),
            java: jvm::quick_java(),
        }
    }
}

pub struct Broker {
    jvm: Jvm,
    port: u16,
    internal: u16,
    authority: Option<Authority>,
    sasl: Option<Sasl>,
    _home: TempDir,
}

impl Broker {
    pub fn start() -> Broker {
        Broker::with(BrokerOptions::default())
    }

    pub fn with(options: BrokerOptions) -> Broker {
        let home = tempfile::Builder::new().prefix("millrace-kafka-").tempdir().expect("a folder");
        let authority = options.tls.then(Authority::new);
        if let Some(authority) = &authority {
            security::sign(authority, home.path());
        }
        let (port, internal) = (free_port(), free_port());
        let config = home.path().join("server.properties");
        std::fs::write(&config, properties(home.path(), port, internal, &options))
            .expect("a folder of ours");
        format(home.path(), &config, options.sasl.as_ref());
        let mut arguments: Vec<_> = options.java.into_iter().map(Into::into).collect();
        arguments.extend(jvm::class_path());
        arguments.extend(["kafka.Kafka".into(), config.into()]);
        let jvm = Jvm::new("broker", home.path(), arguments);
        let mut broker = Broker { jvm, port, internal, authority, sasl: options.sasl, _home: home };
        broker.start_again();
        broker
    }

    /// `127.0.0.1:PORT` for clients.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The same without TLS, SASL and ACLs.
    pub fn internal(&self) -> String {
        format!("127.0.0.1:{}", self.internal)
    }

    /// Of a client that is welcome at [`Broker::bootstrap`].
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        let ca = self.authority.as_ref().map(|authority| authority.path("ca.pem"));
        security::client(&mut config, ca.as_deref(), self.sasl.as_ref());
        config
    }

    pub(crate) fn internal_client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.internal());
        // It may be on its way up.
        config.set("reconnect.backoff.ms", "20").set("reconnect.backoff.max.ms", "100");
        config
    }

    /// The authority that signed its certificate.
    pub fn ca_pem(&self) -> PathBuf {
        self.authority.as_ref().expect("a broker with TLS").path("ca.pem")
    }

    /// Lets the SASL user do this, beside what it may already: `allow(&["Write"], &["--topic", "t"])`, or
    /// `&["--topic", "shop.", "--resource-pattern-type", "prefixed"]`, `&["--group", "g"]`. Takes a JVM's start.
    pub fn allow(&self, operations: &[&str], resource: &[&str]) {
        let sasl = self.sasl.as_ref().expect("ACLs are of a user");
        let (internal, user) = (self.internal(), format!("User:{}", sasl.user));
        let mut args = vec!["--bootstrap-server", &internal, "--add", "--allow-principal", &user];
        args.extend(operations.iter().flat_map(|operation| ["--operation", operation]));
        args.extend(resource);
        jvm::run_tool("org.apache.kafka.tools.AclCommand", &args);
    }

    /// SIGTERM: it writes everything down.
    pub fn stop(&mut self) {
        self.jvm.stop();
    }

    /// SIGKILL.
    pub fn kill9(&mut self) {
        self.jvm.kill9();
    }

    /// On the same ports with the same data. After [`Broker::kill9`] it takes 3 s more.
    #[track_caller]
    pub fn start_again(&mut self) {
        let asking: BaseConsumer = self.internal_client().create().expect("a client");
        self.jvm.start(|| {
            let metadata = asking.fetch_metadata(None, ASK_TIMEOUT);
            metadata.is_ok_and(|metadata| !metadata.brokers().is_empty())
        });
    }

    /// Of the running process.
    pub fn pid(&self) -> Option<u32> {
        self.jvm.pid()
    }

    /// The last lines of its log.
    pub fn log(&self) -> String {
        self.jvm.told()
    }
}

fn properties(home: &Path, port: u16, internal: u16, options: &BrokerOptions) -> String {
    let (sasl, controller, data) = (options.sasl.as_ref(), free_port(), home.join("data"));
    let client = security::protocol(options.tls, sasl);
    let mut text = PROPERTIES.to_owned();
    let mut line = |line: &str| text += &format!("{line}\n");
    line(&format!(
        "listeners=CLIENT://127.0.0.1:{port},INTERNAL://127.0.0.1:{internal},CONTROLLER://127.0.0.1:{controller}"
    ));
    line(&format!(
        "listener.security.protocol.map=CLIENT:{client},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
    ));
    line(&format!("controller.quorum.voters=1@127.0.0.1:{controller}"));
    line(&format!("log.dirs={}", data.display()));
    line(&format!("num.partitions={}", options.partitions));
    for property in security::listener(home, options.tls, sasl) {
        line(&property);
    }
    if options.acl {
        assert!(sasl.is_some(), "without SASL every client is anonymous, and so is the harness");
        line("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer");
        line("super.users=User:ANONYMOUS");
    }
    for property in &options.properties {
        line(property);
    }
    text
}

/// An empty log directory: a copy of the one that was formatted at setup, unless a user has to be in it.
fn format(home: &Path, config: &Path, sasl: Option<&Sasl>) {
    let data = home.join("data");
    std::fs::create_dir(&data).expect("a folder of ours");
    if let Some(user) = sasl.and_then(Sasl::formatted_user) {
        let config = config.to_str().expect("a path of ours");
        let args = ["format", "-t", CLUSTER, "-c", config, "--add-scram", &user];
        return jvm::run_tool("kafka.tools.StorageTool", &args);
    }
    for name in ["meta.properties", "bootstrap.checkpoint"] {
        let formatted = jvm::folder().join("formatted").join(name);
        std::fs::copy(formatted, data.join(name)).expect("what setup formatted");
    }
}
