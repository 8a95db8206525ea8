//! The project's dashboards: Grafana's JSON in files, read anew each time, so that whoever edits one sees it at once.
//!
//! A file in a folder of its own is in the folder of that name. What the page saves goes into the same file, whole or not at
//! all, and only over the version that the page had.

use super::guard::Who;
use super::{Page, Role};
use crate::refusal::Refusal;
use axum::Json;
use axum::extract::{Path as Segment, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, body::Bytes};
use grafana::dashboard::{self, Summary};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

pub(super) const FILE_BYTES_MAX: u64 = 8 << 20;
const FILES_MAX: usize = 2000;

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    summary: Summary,
    file: String,
    folder: String,
    /// It cannot be read as a dashboard.
    error: Option<String>,
}

struct Found {
    path: PathBuf,
    /// As it is called in the project.
    file: String,
    folder: String,
    text: Vec<u8>,
    dashboard: model::Result<Value>,
}

impl Found {
    fn read(root: &Path, path: PathBuf) -> Option<Found> {
        let size = path.metadata().ok()?.len();
        let text = if size > FILE_BYTES_MAX { Vec::new() } else { std::fs::read(&path).ok()? };
        let inside = path.strip_prefix(root).ok()?;
        let folder = inside.parent().map(|parent| parent.display().to_string()).unwrap_or_default();
        let file = format!("dashboards/{}", inside.display());
        let dashboard = dashboard::read(&String::from_utf8_lossy(&text));
        Some(Found { path, file, folder, text, dashboard })
    }

    fn summary(&self) -> Summary {
        match &self.dashboard {
            Ok(dashboard) => dashboard::summary(dashboard, &self.name()),
            Err(_) => dashboard::summary(&Value::Null, &self.name()),
        }
    }

    fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Of a dashboard that is to be in this file.
    fn uid_of(&self, dashboard: &Value) -> String {
        dashboard::summary(dashboard, &self.name()).uid
    }

    fn version(&self) -> String {
        version(&self.text)
    }
}

fn version(text: &[u8]) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// By their names. Links are followed; what is no JSON file is not looked at.
fn paths(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let is_deep = folder != root;
            match path.is_dir() {
                true if !is_deep => folders.push(path),
                false if path.extension().is_some_and(|end| end == "json") => paths.push(path),
                _ => {}
            }
        }
    }
    paths.sort();
    paths.truncate(FILES_MAX);
    paths
}

/// Read as they are asked for.
fn all(root: &Path) -> impl Iterator<Item = Found> + use<'_> {
    paths(root).into_iter().filter_map(move |path| Found::read(root, path))
}

/// Off the runtime's threads: a disk may be slow.
async fn look<T: Send + 'static>(
    page: &Page,
    look: impl FnOnce(&Path) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let root = page.dashboards.clone();
    let looked = tokio::task::spawn_blocking(move || look(&root)).await;
    looked.map_err(|_| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "could not look for dashboards")
    })
}

pub(super) async fn list(State(page): State<Page>) -> Result<Response, Refusal> {
    let listed = look(&page, |root| {
        let listed = all(root).map(|found| Listed {
            summary: found.summary(),
            error: found.dashboard.as_ref().err().map(|error| error.report()),
            file: found.file,
            folder: found.folder,
        });
        listed.collect::<Vec<_>>()
    });
    Ok(Json(listed.await?).into_response())
}

/// What a query has to know of the dashboard that it stands in.
pub(super) struct Around {
    pub(super) title: String,
    pub(super) authored: Authored,
}

type Authored = BTreeMap<String, BTreeSet<String>>;

/// By uid, while the file is the one that was read: a dashboard asks for each of its panels.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<Mutex<HashMap<String, Kept>>>);

type Kept = (PathBuf, Stamp, Arc<Around>);

type Stamp = (u64, SystemTime);

fn stamp(path: &Path) -> Option<Stamp> {
    let found = path.metadata().ok()?;
    Some((found.len(), found.modified().ok()?))
}

impl Known {
    fn get(&self, uid: &str) -> Option<Arc<Around>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (path, read, around) = known.get(uid)?;
        (stamp(path).as_ref() == Some(read)).then(|| around.clone())
    }

    fn keep(&self, uid: String, path: PathBuf, read: Stamp, around: Arc<Around>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= FILES_MAX {
            known.clear();
        }
        known.insert(uid, (path, read, around));
    }
}

/// Of the first one that has the uid.
pub(super) async fn around(page: &Page, uid: &str) -> Result<Option<Arc<Around>>, Refusal> {
    let (uid, known) = (uid.to_owned(), page.known.clone());
    let found = look(page, move |root| {
        if let Some(around) = known.get(&uid) {
            return Some(around);
        }
        // One that is written meanwhile is read again.
        let paths = paths(root).into_iter();
        let (read, found) = paths
            .filter_map(|path| Some((stamp(&path)?, Found::read(root, path)?)))
            .find(|(_, found)| found.summary().uid == uid)?;
        let dashboard = found.dashboard.ok()?;
        let title = dashboard["title"].as_str().unwrap_or_default().to_owned();
        let around = Arc::new(Around { title, authored: dashboard::authored(&dashboard) });
        known.keep(uid, found.path, read, around.clone());
        Some(around)
    });
    found.await
}

#[derive(Serialize)]
struct Shown {
    dashboard: Value,
    file: String,
    version: String,
    writable: bool,
    reason: Option<String>,
}

pub(super) async fn show(
    State(page): State<Page>,
    Extension(who): Extension<Who>,
    Segment(uid): Segment<String>,
) -> Result<Response, Refusal> {
    let wanted = uid.clone();
    let found = look(&page, move |root| {
        let found = all(root).find(|found| found.summary().uid == wanted)?;
        let reason = refusal_to_write(&found.path);
        Some((found, reason))
    });
    let Some((found, reason)) = found.await? else { return Err(none(&uid)) };
    let version = found.version();
    let reason = match who.visitor.role {
        Role::Viewer => Some("viewers do not change dashboards".to_owned()),
        _ => reason,
    };
    let writable = reason.is_none();
    let dashboard = found.dashboard?;
    Ok(Json(Shown { dashboard, file: found.file, version, writable, reason }).into_response())
}

#[derive(Deserialize)]
struct Saved {
    dashboard: Value,
    version: String,
}

pub(super) async fn save(
    State(page): State<Page>,
    Segment(uid): Segment<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let saved: Saved = serde_json::from_slice(&body).map_err(|error| {
        Refusal::new(StatusCode::BAD_REQUEST, "cannot read what is to be saved")
            .detail(error.to_string())
    })?;
    dashboard::read(&saved.dashboard.to_string())?;
    let saving = page.saving.clone();
    let written = look(&page, move |root| {
        let _one = saving.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all(root).find(|found| found.summary().uid == uid);
        let Some(found) = found else { return Err(none(&uid)) };
        if found.uid_of(&saved.dashboard) != uid {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "the dashboard has another uid than its address",
            )
            .hint("copy the file under another name to have a second one"));
        }
        if found.version() != saved.version {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                "the file has changed since it was opened",
            )
            .detail(format!("{} is not the one that was edited.", found.file))
            .hint("open the dashboard again, and make the change there"));
        }
        let text = pretty(&saved.dashboard, &indent_of(&found.text));
        match write(&found.path, text.as_bytes()) {
            Ok(()) => Ok(version(text.as_bytes())),
            Err(error) => {
                Err(Refusal::new(StatusCode::FORBIDDEN, &format!("cannot write {}", found.file))
                    .detail(error.to_string()))
            }
        }
    });
    Ok(Json(serde_json::json!({ "version": written.await?? })).into_response())
}

fn none(uid: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "there is no such dashboard")
        .detail(format!("No file in dashboards/ has the uid {uid:?}."))
}

/// What its first level is set in by; two blanks as in Grafana's own exports, where there is none.
fn indent_of(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let blanks = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let first = text.lines().find(|line| blanks(line) > 0);
    first.map_or_else(|| "  ".to_owned(), |line| line[..blanks(line)].to_owned())
}

fn pretty(dashboard: &Value, indent: &str) -> String {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    let written = dashboard.serialize(&mut serializer);
    debug_assert!(written.is_ok(), "a document is written to memory");
    out.push(b'\n');
    String::from_utf8_lossy(&out).into_owned()
}

/// Whole or not at all.
fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut fresh = tempfile::Builder::new().prefix(".saving-").tempfile_in(folder)?;
    std::io::Write::write_all(&mut fresh, text)?;
    fresh.as_file().set_permissions(path.metadata()?.permissions())?;
    fresh.as_file().sync_all()?;
    fresh.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// Why a file cannot be written, asked by trying.
fn refusal_to_write(path: &Path) -> Option<String> {
    let folder = path.canonicalize().ok()?.parent()?.to_owned();
    let tried = tempfile::Builder::new().prefix(".saving-").tempfile_in(folder);
    tried.err().map(|error| format!("its folder cannot be written: {}", error.kind()))
}
