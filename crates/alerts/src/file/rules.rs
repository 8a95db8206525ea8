//! Groups and rules: what is asked, how often, and what becomes of it.

use std::sync::Arc;

use model::Result;

use super::node::Node;
use crate::Labels;
use crate::expr::Plan;

/// The least that Grafana takes is its scheduler's 10 s; ours is a second.
const INTERVAL_LEAST_MS: i64 = 1_000;
const RULES_MAX: usize = 10_000;

#[derive(Clone, Debug)]
pub struct Group {
    pub folder: String,
    pub name: String,
    pub interval_ms: i64,
    pub rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub uid: String,
    pub title: String,
    pub folder: String,
    pub group: String,
    pub interval_ms: i64,
    /// What is asked and computed, or why that cannot be.
    pub plan: Result<Arc<Plan>, String>,
    pub for_ms: i64,
    pub keep_firing_ms: i64,
    pub no_data: NoDataState,
    pub on_error: OnError,
    pub missing_evals_max: u32,
    /// Templates, as labels are.
    pub annotations: Labels,
    pub labels: Labels,
    pub paused: bool,
    pub dashboard: Option<String>,
    pub panel: Option<i64>,
    pub settings: Option<Settings>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoDataState {
    NoData,
    Alerting,
    Ok,
    KeepLast,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnError {
    Error,
    Alerting,
    Ok,
    KeepLast,
}

/// A rule that names its contact point goes past the policies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub receiver: String,
    pub group_by: Option<Vec<String>>,
    pub group_wait_ms: Option<i64>,
    pub group_interval_ms: Option<i64>,
    pub repeat_interval_ms: Option<i64>,
    pub mute: Vec<String>,
    pub active: Vec<String>,
}

/// Groups of one name and folder in two files are one group, as they are in Grafana's store.
pub(super) fn group(node: &Node<'_>, groups: &mut Vec<Group>) -> Result<()> {
    let _ = node.raw("orgId");
    let (name, folder) = (node.needed("name")?, node.needed("folder")?);
    let _ = node.raw("folderUid");
    node.needed("interval")?;
    let interval_ms = node.duration_ms("interval")?.unwrap_or_default();
    if interval_ms < INTERVAL_LEAST_MS {
        return Err(node.wrong("interval", "a group is evaluated once a second at most"));
    }
    let mut rules = Vec::new();
    for node in node.nodes("rules")? {
        if let Some(rule) = rule(&node, &folder, &name, interval_ms)? {
            rules.push(rule);
        }
    }
    node.done();
    if rules.len() > RULES_MAX {
        return Err(node.wrong("rules", format!("a group has {RULES_MAX} rules at most")));
    }
    match groups.iter_mut().find(|group| group.name == name && group.folder == folder) {
        Some(group) if group.interval_ms == interval_ms => group.rules.extend(rules),
        Some(_) => {
            return Err(node.wrong(
                "interval",
                format!("the group {folder}/{name} has another one elsewhere"),
            ));
        }
        None => groups.push(Group { folder, name, interval_ms, rules }),
    }
    Ok(())
}

fn rule(node: &Node<'_>, folder: &str, group: &str, interval_ms: i64) -> Result<Option<Rule>> {
    let (uid, title) = (node.needed("uid")?, node.needed("title")?);
    if node.raw("record").is_some() {
        node.reading
            .note(&node.path, format!("{title} is a recording rule, which is not evaluated here"));
        return Ok(None);
    }
    let condition = node.needed("condition")?;
    let mut data = Vec::new();
    for node in node.nodes("data")? {
        data.push(query(&node)?);
    }
    let plan = Plan::new(&data, &condition).map(Arc::new).map_err(|error| error.report());
    if let Err(error) = &plan {
        node.reading
            .note(&node.path, format!("the rule {title} fails at each evaluation: {error}"));
    }
    let rule = Rule {
        uid,
        title,
        folder: folder.to_owned(),
        group: group.to_owned(),
        interval_ms,
        plan,
        for_ms: node.duration_ms("for")?.unwrap_or(0),
        keep_firing_ms: match node.duration_ms("keepFiringFor")? {
            Some(ms) => ms,
            None => node.duration_ms("keep_firing_for")?.unwrap_or(0),
        },
        no_data: no_data(node)?,
        on_error: on_error(node)?,
        missing_evals_max: missing(node)?,
        annotations: node.pairs("annotations")?,
        labels: node.pairs("labels")?,
        paused: node.flag("isPaused")?.unwrap_or(false),
        dashboard: node.text("dashboardUid")?.filter(|uid| !uid.is_empty()),
        panel: node.whole("panelId")?,
        settings: node.node("notification_settings")?.map(|node| settings(&node)).transpose()?,
    };
    node.done();
    Ok(Some(rule))
}

/// One entry of `data`, its `model` untouched: `$__timeFilter` is not ours to replace.
fn query(node: &Node<'_>) -> Result<crate::expr::Source> {
    let range = node.node("relativeTimeRange")?;
    let seconds = |key: &'static str| -> Result<i64> {
        let seconds = range.as_ref().map(|range| range.whole(key)).transpose()?.flatten();
        let seconds = seconds.unwrap_or(0);
        let most = 10 * 365 * 86_400;
        (-most..=most)
            .contains(&seconds)
            .then_some(seconds)
            .ok_or_else(|| node.wrong("relativeTimeRange", "seconds before now are wanted here"))
    };
    let source = crate::expr::Source {
        ref_id: node.needed("refId")?,
        datasource: node.text("datasourceUid")?.unwrap_or_default(),
        from_s: seconds("from")?,
        to_s: seconds("to")?,
        model: node.raw("model").cloned().unwrap_or(serde_json::Value::Null),
    };
    let _ = node.raw("queryType");
    node.done();
    Ok(source)
}

fn no_data(node: &Node<'_>) -> Result<NoDataState> {
    Ok(match node.text("noDataState")?.as_deref() {
        None | Some("" | "NoData") => NoDataState::NoData,
        Some("Alerting") => NoDataState::Alerting,
        Some("OK") => NoDataState::Ok,
        Some("KeepLast") => NoDataState::KeepLast,
        Some(_) => {
            return Err(
                node.wrong("noDataState", "NoData, Alerting, OK or KeepLast is wanted here")
            );
        }
    })
}

/// What a file does not say is `Alerting`, other than in Grafana's page.
fn on_error(node: &Node<'_>) -> Result<OnError> {
    Ok(match node.text("execErrState")?.as_deref() {
        None | Some("" | "Alerting") => OnError::Alerting,
        Some("Error") => OnError::Error,
        Some("OK") => OnError::Ok,
        Some("KeepLast") => OnError::KeepLast,
        Some(_) => {
            return Err(
                node.wrong("execErrState", "Error, Alerting, OK or KeepLast is wanted here")
            );
        }
    })
}

fn missing(node: &Node<'_>) -> Result<u32> {
    let key = "missing_series_evals_to_resolve";
    let count = match node.whole(key)? {
        Some(count) => count,
        None => node.whole("missingSeriesEvalsToResolve")?.unwrap_or(2),
    };
    u32::try_from(count)
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| node.wrong(key, "a number from 1 on is wanted here"))
}

fn settings(node: &Node<'_>) -> Result<Settings> {
    let settings = Settings {
        receiver: node.needed("receiver")?,
        group_by: node.texts("group_by")?,
        group_wait_ms: node.duration_ms("group_wait")?,
        group_interval_ms: node.pause_ms("group_interval")?,
        repeat_interval_ms: node.pause_ms("repeat_interval")?,
        mute: node.texts("mute_time_intervals")?.unwrap_or_default(),
        active: node.texts("active_time_intervals")?.unwrap_or_default(),
    };
    node.done();
    Ok(settings)
}

/// How a rule's labels are written in the snapshot and in notifications.
impl Rule {
    pub fn own_labels(&self) -> Labels {
        let mut labels = self.labels.clone();
        labels.insert("alertname".to_owned(), self.title.clone());
        labels.insert("grafana_folder".to_owned(), self.folder.clone());
        labels
    }
}
