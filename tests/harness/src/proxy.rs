//! A network between two that can be cut, held up and slowed down.
//!
//! ```text
//! client ─▶ listener ─▶ a thread each way ─▶ server
//!              └────── what is done to all of them: Weather
//! ```

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a thread that waits looks up.
const LOOK_UP: Duration = Duration::from_millis(5);
const PIECE_BYTES: usize = 64 << 10;

#[derive(Default)]
struct Weather {
    ended: AtomicBool,
    /// New connections are refused.
    closed: AtomicBool,
    /// Nothing passes, and nobody is told.
    held_up: AtomicBool,
    /// Each piece is so much later.
    delay_us: AtomicU64,
    /// Both ends of each connection, until it is over.
    open: Mutex<HashMap<u64, [TcpStream; 2]>>,
}

pub struct Proxy {
    port: u16,
    weather: Arc<Weather>,
}

impl Proxy {
    /// In front of a server that listens on `port` of this machine.
    pub fn start(port: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let weather = Arc::<Weather>::default();
        let there = weather.clone();
        std::thread::spawn(move || {
            accept(&listener, SocketAddr::from(([127, 0, 0, 1], port)), &there)
        });
        Proxy { port: address.port(), weather }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection; new ones are refused until [`Proxy::open`].
    pub fn cut(&self) {
        self.weather.closed.store(true, Ordering::SeqCst);
        for (_, ends) in self.weather.open.lock().unwrap().drain() {
            shut(&ends);
        }
    }

    /// Nothing passes any more, and both ends believe to be connected, until [`Proxy::open`].
    pub fn hold_up(&self) {
        self.weather.held_up.store(true, Ordering::SeqCst);
    }

    pub fn delay(&self, delay: Duration) {
        self.weather.delay_us.store(delay.as_micros() as u64, Ordering::SeqCst);
    }

    /// Fair weather.
    pub fn open(&self) {
        self.weather.closed.store(false, Ordering::SeqCst);
        self.weather.held_up.store(false, Ordering::SeqCst);
        self.weather.delay_us.store(0, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.weather.ended.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the listener.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn accept(listener: &TcpListener, server: SocketAddr, weather: &Arc<Weather>) {
    for (number, client) in (0..).zip(listener.incoming()) {
        if weather.ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        if weather.closed.load(Ordering::SeqCst) {
            continue;
        }
        let Ok(server) = TcpStream::connect(server) else { continue };
        for stream in [&client, &server] {
            let _ = stream.set_nodelay(true);
        }
        let clone = || Some([client.try_clone().ok()?, server.try_clone().ok()?]);
        let (Some(ends), Some([from_client, from_server])) = (clone(), clone()) else { continue };
        weather.open.lock().unwrap().insert(number, ends);
        for (from, to) in [(from_client, server), (from_server, client)] {
            let weather = weather.clone();
            std::thread::spawn(move || {
                pass(from, to, &weather);
                // A handle left here would keep the socket half closed: its other end would wait
                // for ever to be read, where a real network tells it that nobody is there.
                weather.open.lock().unwrap().remove(&number);
            });
        }
    }
}

fn shut(ends: &[TcpStream]) {
    for end in ends {
        let _ = end.shutdown(Shutdown::Both);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, weather: &Weather) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        std::thread::sleep(Duration::from_micros(weather.delay_us.load(Ordering::SeqCst)));
        while weather.held_up.load(Ordering::SeqCst) && !weather.ended.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK_UP);
        }
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    shut(&[from, to]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_passes_holds_up_and_cuts() {
        let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let proxy = Proxy::start(server.local_addr().unwrap().port());
        let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        let (mut served, _) = server.accept().unwrap();
        client.write_all(b"ping").unwrap();
        let mut word = [0; 4];
        served.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"ping");
        proxy.hold_up();
        served.write_all(b"pong").unwrap();
        client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(client.read_exact(&mut word).is_err());
        proxy.open();
        client.set_read_timeout(None).unwrap();
        client.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"pong");
        proxy.cut();
        assert_eq!(client.read(&mut word).unwrap_or(0), 0);
        let mut refused = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        assert_eq!(refused.read(&mut word).unwrap_or(0), 0);
    }

    #[test]
    fn a_server_in_the_middle_of_writing_is_told_that_its_client_is_gone() {
        let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let proxy = Proxy::start(server.local_addr().unwrap().port());
        let client = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        let (mut served, _) = server.accept().unwrap();
        let writer = std::thread::spawn(move || while served.write_all(&[7; 1 << 16]).is_ok() {});
        std::thread::sleep(Duration::from_millis(100));
        drop(client);
        writer.join().unwrap();
    }
}
