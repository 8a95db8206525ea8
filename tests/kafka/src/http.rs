//! JSON over HTTP, with the worker and the registry.

use serde_json::Value;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body, Error};

/// A connector that is put is validated first, which speaks with its database.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn get(url: &str) -> Result<(u16, Value), Error> {
    read(agent().get(url).call()?)
}

pub(crate) fn put(url: &str, body: &Value) -> Result<(u16, Value), Error> {
    let request = agent().put(url).header("content-type", "application/json");
    read(request.send(body.to_string())?)
}

pub(crate) fn post(url: &str, body: &Value) -> Result<(u16, Value), Error> {
    let request = agent().post(url).header("content-type", "application/json");
    read(request.send(body.to_string())?)
}

pub(crate) fn delete(url: &str) -> Result<(u16, Value), Error> {
    read(agent().delete(url).call()?)
}

fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).proxy(None);
    config.timeout_global(Some(ANSWER_TIMEOUT)).build().into()
}

/// Null when there is no JSON.
fn read(mut answer: Response<Body>) -> Result<(u16, Value), Error> {
    let body = answer.body_mut().read_to_vec()?;
    Ok((answer.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default()))
}
