//! `[transform]`: where the team's dbt project is, and how dbt comes to the store.

use super::Raw;
use super::schedule::{self, ScheduleSection};
use ::transform::{Place, Schedule};
use model::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};

pub(crate) const DEFAULT_PROJECT: &str = "dbt";
pub(crate) const DEFAULT_SCHEMA: &str = "marts";
const THREADS_MAX: u32 = 64;

/// User and password.
pub(crate) type DbtLogin = (String, String);

#[derive(Clone, Debug)]
pub(crate) struct Transform {
    /// Absolute, or relative to where we run.
    pub(crate) project: PathBuf,
    /// The user's own dbt.
    pub(crate) dbt: Option<PathBuf>,
    pub(crate) schema: String,
    pub(crate) threads: u32,
    user: Option<String>,
    password: Option<Raw>,
    /// Of the schedules.
    pub(crate) zone: String,
    pub(crate) schedules: Vec<Schedule>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TransformSection {
    project: Option<String>,
    dbt: Option<String>,
    schema: Option<String>,
    threads: Option<u32>,
    user: Option<String>,
    password: Option<String>,
    zone: Option<String>,
    schedule: Vec<ScheduleSection>,
}

impl TransformSection {
    pub(super) fn resolve(self, folder: &Path, warnings: &mut Vec<String>) -> Result<Transform> {
        let password =
            self.password.map(|text| Raw::new("transform.password", text)).transpose()?;
        if password.as_ref().is_some_and(Raw::is_literal) {
            warnings.push(
                "transform.password stands in plain text; better: password = \"${DBT_PASSWORD}\""
                    .to_owned(),
            );
        }
        if password.is_some() && self.user.is_none() {
            return Err(Error::definite("cannot use transform.password without transform.user")
                .hint("user = \"dbt\" under [transform]: whose password it is"));
        }
        let threads = self.threads.unwrap_or_else(half_of_the_cores);
        if !(1..=THREADS_MAX).contains(&threads) {
            return Err(Error::definite("cannot use transform.threads")
                .detail(format!("{threads} is not between 1 and {THREADS_MAX}."))
                .hint("threads = 2 under [transform]; without the line: half of the cores"));
        }
        let schema = self.schema.unwrap_or_else(|| DEFAULT_SCHEMA.to_owned());
        if schema.is_empty() {
            return Err(Error::definite("cannot use an empty transform.schema")
                .hint(format!("schema = \"{DEFAULT_SCHEMA}\" under [transform]")));
        }
        let schedules = schedule::resolve(self.schedule, self.zone.as_deref())?;
        Ok(Transform {
            project: folder.join(self.project.as_deref().unwrap_or(DEFAULT_PROJECT)),
            dbt: self.dbt.map(|path| folder.join(path)),
            schema,
            threads,
            user: self.user,
            password,
            zone: self.zone.unwrap_or_else(|| schedule::DEFAULT_ZONE.to_owned()),
            schedules,
        })
    }
}

/// The stream has the others: on two cores it is as fresh beside a build as a second promises.
fn half_of_the_cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    u32::try_from(cores / 2).unwrap_or(THREADS_MAX).clamp(1, THREADS_MAX)
}

impl Transform {
    /// Whom dbt comes as; `own`: who else comes to that store from here, if dbt can.
    pub(crate) fn login(&self, own: Option<DbtLogin>, place: &Place) -> Result<DbtLogin> {
        let Some(user) = &self.user else {
            return own.ok_or_else(|| {
                Error::definite("cannot log dbt in: it knows no store.token").hint(
                    "[transform] user = \"dbt\" and password = \"${DBT_PASSWORD}\" in millrace.toml",
                )
            });
        };
        let Some(password) = &self.password else { return Ok((user.clone(), String::new())) };
        let is_here = place.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if !(place.tls || is_here || place.host == "localhost") {
            return Err(Error::definite(format!(
                "cannot log dbt in at {} over http: everybody on the way would read transform.password",
                place.host
            ))
            .hint("url = \"https://…\" under [store]"));
        }
        Ok((user.clone(), password.resolve("transform.password")?.expose().to_owned()))
    }
}

impl super::Config {
    /// A folder for each schedule.
    pub(crate) fn schedules(&self) -> PathBuf {
        self.store.data_dir.join("transform")
    }

    /// The server of `store.url` as dbt finds it, and who we are there; `None`: the store is the embedded one.
    pub(crate) fn server_for_dbt(&self) -> Result<Option<(Place, Option<DbtLogin>)>> {
        let Some(remote) = &self.store.remote else { return Ok(None) };
        remote.for_dbt(self.store.cluster.clone()).map(Some)
    }
}
