//! The socket under a session.

use super::gathered::{self, Gathered};
use crate::Address;
use model::{Error, Result};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::config::Host;

/// A server that does not answer within this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Small enough that a busy sender is soon held back, so that its rows merge while they wait; see the
/// stream's patience. Linux grants twice as much, and this much without privileges.
const RECEIVE_BUFFER_BYTES: usize = 160 << 10;
/// A server farther than this would be slowed by so small a buffer; there the kernel sizes it.
const FAR: Duration = Duration::from_millis(5);
/// A peer that is gone without a word is noticed after about a minute.
pub(crate) const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
pub(crate) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
pub(crate) const KEEPALIVE_PROBES: u32 = 3;
/// What we sent and nobody took for this long was sent to nobody.
pub(crate) const UNACKNOWLEDGED_MOST: Duration = Duration::from_secs(60);

pub(crate) enum Transport {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, Gathered>>),
    Unix(UnixStream),
}

impl Transport {
    /// Tries the address's hosts in order; TLS as its `sslmode` says.
    pub(crate) fn connect(address: &Address) -> Result<Transport> {
        let config = address.config();
        let ports = config.get_ports();
        let mut last = None;
        for (at, host) in config.get_hosts().iter().enumerate() {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            match Transport::open(address, host, port) {
                Ok(transport) => return Ok(transport),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::definite("cannot find a host in the address")))
    }

    fn open(address: &Address, host: &Host, port: u16) -> Result<Transport> {
        let unreachable = |error: io::Error| {
            Error::transient(format!("could not reach {}", address.place()))
                .hint("check that Postgres listens there and that the network lets us through")
                .source(error)
        };
        match host {
            Host::Unix(folder) => {
                let path = folder.join(format!(".s.PGSQL.{port}"));
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(unreachable)?;
                let place = SockAddr::unix(path).map_err(unreachable)?;
                socket.connect(&place).map_err(unreachable)?;
                Ok(Transport::Unix(socket.into()))
            }
            Host::Tcp(name) => {
                let socket = connect_tcp(name, port).map_err(unreachable)?;
                negotiate_tls(address, name, socket)
            }
        }
    }

    pub(crate) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Transport::Tcp(socket) => socket.set_read_timeout(timeout),
            Transport::Tls(stream) => stream.sock.socket().set_read_timeout(timeout),
            Transport::Unix(socket) => socket.set_read_timeout(timeout),
        }
    }

    pub(crate) fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Transport::Tcp(socket) => socket.set_write_timeout(Some(timeout)),
            Transport::Tls(stream) => stream.sock.socket().set_write_timeout(Some(timeout)),
            Transport::Unix(socket) => socket.set_write_timeout(Some(timeout)),
        }
    }

    /// How many bytes the kernel holds for us.
    pub(crate) fn waiting(&self) -> io::Result<usize> {
        let count = match self {
            Transport::Tcp(socket) => rustix::io::ioctl_fionread(socket),
            Transport::Tls(stream) => rustix::io::ioctl_fionread(stream.sock.socket()),
            Transport::Unix(socket) => rustix::io::ioctl_fionread(socket),
        };
        Ok(count? as usize)
    }

    pub(crate) fn is_unix(&self) -> bool {
        matches!(self, Transport::Unix(_))
    }
}

fn connect_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for place in (host, port).to_socket_addrs()? {
        match open_tcp(place) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn open_tcp(place: SocketAddr) -> io::Result<TcpStream> {
    let begun = Instant::now();
    let mut socket =
        connect_with(place, |socket| socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES))?;
    if begun.elapsed() > FAR {
        // A size once set cannot be given back to the kernel.
        drop(socket);
        socket = connect_with(place, |_| Ok(()))?;
    }
    let socket: TcpStream = socket.into();
    socket.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    let options = SockRef::from(&socket);
    options.set_tcp_keepalive(&keepalive)?;
    options.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MOST))?;
    Ok(socket)
}

fn connect_with(place: SocketAddr, set: impl Fn(&Socket) -> io::Result<()>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(place), Type::STREAM, None)?;
    set(&socket)?;
    socket.connect_timeout(&place.into(), CONNECT_TIMEOUT)?;
    Ok(socket)
}

fn negotiate_tls(address: &Address, host: &str, mut socket: TcpStream) -> Result<Transport> {
    let Some(config) = address.tls()? else { return Ok(Transport::Tcp(socket)) };
    let broken = |error: io::Error| {
        Error::transient(format!("could not agree with {} on TLS", address.place())).source(error)
    };
    socket.set_read_timeout(Some(CONNECT_TIMEOUT)).map_err(broken)?;
    let mut request = bytes::BytesMut::new();
    postgres_protocol::message::frontend::ssl_request(&mut request);
    socket.write_all(&request).map_err(broken)?;
    let mut answer = [0];
    socket.read_exact(&mut answer).map_err(broken)?;
    if answer != *b"S" {
        if address.tls_mode() == crate::address::Tls::Prefer {
            return Ok(Transport::Tcp(socket));
        }
        return Err(Error::definite(format!("cannot agree with {} on TLS", address.place()))
            .detail("The server does not speak TLS.")
            .hint("turn ssl on at the server, or set sslmode=disable in the address"));
    }
    let refused = |error: rustls::Error| {
        Error::definite(format!("cannot agree with {} on TLS", address.place()))
            .hint("check sslmode and sslrootcert in the address")
            .source(error)
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| {
        Error::definite(format!("cannot verify {host}: not a host name")).source(error)
    })?;
    let connection = ClientConnection::new(Arc::clone(&config), name).map_err(refused)?;
    let mut stream = StreamOwned::new(connection, Gathered::new(socket));
    while stream.conn.is_handshaking() {
        if let Err(error) = stream.conn.complete_io(&mut stream.sock) {
            let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            return Err(match tls {
                Some(tls) => refused(tls.clone()),
                None => broken(error),
            });
        }
    }
    Ok(Transport::Tls(Box::new(stream)))
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Tcp(socket) => socket.read(buffer),
            Transport::Tls(stream) => gathered::read(stream, buffer),
            Transport::Unix(socket) => socket.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Tcp(socket) => socket.write(bytes),
            Transport::Tls(stream) => stream.write(bytes),
            Transport::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Transport::Tcp(socket) => socket.flush(),
            Transport::Tls(stream) => stream.flush(),
            Transport::Unix(socket) => socket.flush(),
        }
    }
}
