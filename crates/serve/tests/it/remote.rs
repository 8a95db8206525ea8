//! A store over HTTP keeps what a store promises, at our own door.

use crate::ports;
use contract::Home;
use std::sync::Arc;
use store::remote::{Certificates, Login, Remote, RemoteOptions};

contract::tests!(home);

fn home() -> Home {
    let options = RemoteOptions {
        address: format!("http://127.0.0.1:{}", ports().door).parse().unwrap(),
        login: Arc::new(|| Ok(Login::Nobody)),
        certificates: Certificates::default(),
        quorum: None,
        cluster: None,
        slot: None,
        place: None,
    };
    Home::new(Arc::new(Remote::new(options).unwrap()))
}
