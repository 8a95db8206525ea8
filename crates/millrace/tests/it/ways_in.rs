//! Every way to log in, for the stream and for the copy: both make their own connections.

use crate::BINARY;
use cluster::Cluster;
use harness::{Authority, Project, config};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

const TABLE: &str = "create table t (id int primary key, word text);
    insert into t select i, 'copied' from generate_series(1, 2000) i;
    create publication millrace for table t;";

fn hba(cluster: &Cluster, lines: &str) {
    let all = format!("local all all trust\nhost all postgres 127.0.0.1/32 trust\n{lines}\n");
    std::fs::write(cluster.data().join("pg_hba.conf"), all).unwrap();
    cluster.sql("select pg_reload_conf()");
}

/// The least role that a source must give us.
fn role(cluster: &Cluster, encryption: &str) {
    cluster.sql(&format!(
        "set password_encryption = '{encryption}';
         create role app login replication password 'p@ss/w:rd'; grant select on t to app"
    ));
}

/// Copies, streams, and comes to the same.
fn flows(cluster: &Cluster, url: &str) {
    let project = Project::new(BINARY, &config(url, ""));
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.query("SELECT count() FROM public.t WHERE word = 'copied'"), "2000");
    cluster.sql("insert into t values (0, 'streamed'); update t set word = 'new' where id = 7");
    up.wait_for("SELECT count() FROM public.t WHERE word IN ('streamed', 'new')", "2");
    assert_eq!(project.verify(), 2001);
    assert_eq!(up.stop(), Some(0));
}

fn over_tcp(cluster: &Cluster, options: &str) -> String {
    format!("postgres://app:p%40ss%2Fw%3Ard@127.0.0.1:{}/postgres{options}", cluster.port())
}

#[test]
fn trust() {
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    flows(&cluster, &cluster.url());
}

#[test]
fn a_unix_socket() {
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    flows(&cluster, &cluster.socket_url());
}

#[test]
fn scram_sha_256() {
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    role(&cluster, "scram-sha-256");
    hba(&cluster, "host all app 127.0.0.1/32 scram-sha-256");
    flows(&cluster, &over_tcp(&cluster, ""));
}

#[test]
fn md5() {
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    role(&cluster, "md5");
    hba(&cluster, "host all app 127.0.0.1/32 md5");
    flows(&cluster, &over_tcp(&cluster, ""));
}

fn has_tls() -> bool {
    let has = cluster::is_built_with("openssl") || cluster::is_built_with("ssl");
    if !has {
        cluster::skip("this server is built without TLS");
    }
    has
}

#[test]
fn tls_that_verifies_a_private_ca() {
    if !has_tls() {
        return;
    }
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    role(&cluster, "scram-sha-256");
    let authority = with_tls(&cluster, "IP:127.0.0.1,DNS:db.example");
    hba(&cluster, "hostssl all app 127.0.0.1/32 scram-sha-256");
    let root = authority.path("ca.pem").display().to_string().replace('/', "%2F");
    flows(&cluster, &over_tcp(&cluster, &format!("?sslmode=verify-full&sslrootcert={root}")));
}

#[test]
fn tls_refuses_a_server_of_another_name_or_another_ca() {
    if !has_tls() {
        return;
    }
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    role(&cluster, "scram-sha-256");
    let authority = with_tls(&cluster, "DNS:db.example");
    hba(&cluster, "hostssl all app 127.0.0.1/32 scram-sha-256");
    let root = authority.path("ca.pem").display().to_string().replace('/', "%2F");
    let check = |options: &str| {
        let project = Project::new(BINARY, &config(&over_tcp(&cluster, options), ""));
        let ran = project.run(&["check"]);
        assert_eq!(ran.code, Some(2), "{}", ran.talk());
        let talk = ran.talk().to_lowercase();
        assert!(talk.contains("certificate"), "{talk}");
    };
    check(&format!("?sslmode=verify-full&sslrootcert={root}"));
    // The system's authorities have not signed it.
    check("?sslmode=verify-full");
    // Signed by ours, whatever it is called.
    flows(&cluster, &over_tcp(&cluster, &format!("?sslmode=verify-ca&sslrootcert={root}")));
}

/// Gives the server a certificate of our own authority.
fn with_tls(cluster: &Cluster, names: &str) -> Authority {
    let authority = Authority::new();
    authority.sign("server", "db.example", names);
    for name in ["server.key", "server.pem"] {
        let place = cluster.data().join(name);
        std::fs::copy(authority.path(name), &place).unwrap();
        give_to_server(cluster, &place);
    }
    cluster.sql("alter system set ssl_cert_file = 'server.pem'");
    cluster.sql("alter system set ssl_key_file = 'server.key'");
    cluster.sql("alter system set ssl = on");
    cluster.stop("fast");
    cluster.resume();
    assert_eq!(cluster.sql("show ssl"), "on");
    authority
}

/// The server reads a key only if it is its own and nobody else's.
fn give_to_server(cluster: &Cluster, place: &Path) {
    let owner = std::fs::metadata(cluster.data()).unwrap();
    std::os::unix::fs::chown(place, Some(owner.uid()), Some(owner.gid())).unwrap();
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o600)).unwrap();
}
