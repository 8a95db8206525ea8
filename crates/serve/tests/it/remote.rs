//! A store over HTTP keeps what a store promises, at our own door.

use crate::ports;
use contract::Home;
use std::sync::Arc;
use store::remote::{Remote, RemoteOptions};

contract::tests!(home);

fn home() -> Home {
    let options = RemoteOptions::new(format!("http://127.0.0.1:{}", ports().door).parse().unwrap());
    Home::new(Arc::new(Remote::new(options).unwrap()))
}
