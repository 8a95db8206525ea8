//! In the place of Keeper, in front of the first server: what is said ON CLUSTER it says to each of them, one after
//! the other, and a replicated table is a plain one, as each shard has one replica here. All else goes to the
//! first server as it came.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The two paths in Keeper that the statements have.
const PATHS: [&str; 2] = [
    "'/clickhouse/tables/{uuid}/{shard}', '{replica}'",
    "'/clickhouse/tables/{uuid}/all', '{shard}-{replica}'",
];

pub(crate) struct Herald {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Herald {
    pub(crate) fn start(servers: Vec<u16>) -> Herald {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let (servers, hears) = (Arc::new(servers), heard.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (servers, hears) = (servers.clone(), hears.clone());
                std::thread::spawn(move || serve(client, &servers, &hears));
            }
        });
        Herald { port, heard }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("nobody panics here").clone()
    }
}

/// Until either side ends the connection.
fn serve(mut client: TcpStream, servers: &[u16], heard: &Mutex<Vec<String>>) {
    while pass(&mut client, servers, heard).is_ok() {}
}

fn pass(
    client: &mut TcpStream,
    servers: &[u16],
    heard: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = until(client, b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned())
    };
    let mut body = Vec::new();
    match field("content-length:").and_then(|length| length.parse().ok()) {
        Some(length) => {
            body.resize(length, 0);
            client.read_exact(&mut body)?;
        }
        None => chunks(client, &mut body)?,
    }
    // A server's answer has its end with the connection, ours goes on.
    head.truncate(head.len() - 2);
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    let told = String::from_utf8_lossy(&body).into_owned();
    let (on, sync) = (format!(" ON CLUSTER '{}'", crate::NAME), "SYSTEM SYNC REPLICA");
    let is_plain = field("content-encoding:").is_none();
    let answer = if is_plain && (told.contains(&on) || told.starts_with(sync)) {
        heard.lock().expect("nobody panics here").push(told.clone());
        let told =
            if told.starts_with(sync) { "SELECT 1".to_owned() } else { told.replace(&on, "") };
        let head = String::from_utf8_lossy(&head);
        let head: String = head.split_inclusive("\r\n").filter(|l| !is_length(l)).collect();
        tell(servers, head.trim_end_matches("\r\n"), &plain(told))?
    } else {
        ask(servers[0], &head, &body)?
    };
    let text = String::from_utf8_lossy(&answer);
    let head = text.split_inclusive("\r\n").take_while(|line| *line != "\r\n");
    let length = head.clone().map(str::len).sum();
    let kept: String =
        head.filter(|line| !line.to_ascii_lowercase().starts_with("connection:")).collect();
    client.write_all(kept.as_bytes())?;
    client.write_all(&answer[length..])
}

/// The answer of the first that says no, or of the last.
fn tell(servers: &[u16], head: &str, told: &str) -> std::io::Result<Vec<u8>> {
    let head = format!("{head}\r\nContent-Length: {}\r\n\r\n", told.len());
    let mut answer = Vec::new();
    for server in servers {
        answer = ask(*server, head.as_bytes(), told.as_bytes())?;
        if !answer.starts_with(b"HTTP/1.1 200") {
            break;
        }
    }
    Ok(answer)
}

fn ask(port: u16, head: &[u8], body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    server.write_all(head)?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

fn is_length(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.starts_with("content-length:") || line.starts_with("transfer-encoding:")
}

fn plain(mut told: String) -> String {
    for path in PATHS {
        told = told.replace(&format!("{path}, "), "").replace(path, "");
    }
    told.replace("ENGINE = Replicated", "ENGINE = ")
}

/// As they are, with their lengths.
fn chunks(client: &mut TcpStream, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let line = until(client, b"\r\n")?;
        let text = String::from_utf8_lossy(&line);
        let length = usize::from_str_radix(text.trim(), 16).map_err(std::io::Error::other)?;
        body.extend_from_slice(&line);
        let from = body.len();
        body.resize(from + length + 2, 0);
        client.read_exact(&mut body[from..])?;
        if length == 0 {
            return Ok(());
        }
    }
}

fn until(stream: &mut TcpStream, end: &[u8]) -> std::io::Result<Vec<u8>> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(end) {
        stream.read_exact(&mut byte)?;
        bytes.push(byte[0]);
    }
    Ok(bytes)
}
