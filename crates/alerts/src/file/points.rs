//! Contact points: a name and the receivers behind it.

use model::Result;

use super::node::Node;
use crate::send::Kind;

#[derive(Clone, Debug)]
pub struct ContactPoint {
    pub name: String,
    pub receivers: Vec<Receiver>,
}

#[derive(Clone, Debug)]
pub struct Receiver {
    pub uid: String,
    /// As the file writes it: `webhook`, `slack`, …
    pub kind: String,
    pub no_resolved: bool,
    /// How to send, or why that cannot be.
    pub send: Result<Kind, String>,
}

/// The same name in another place adds receivers, as in Grafana.
pub(super) fn point(node: &Node<'_>, points: &mut Vec<ContactPoint>) -> Result<()> {
    let _ = node.raw("orgId");
    let name = node.needed("name")?;
    let mut receivers = Vec::new();
    for node in node.nodes("receivers")? {
        receivers.push(receiver(&node)?);
    }
    node.done();
    match points.iter_mut().find(|point| point.name == name) {
        Some(point) => point.receivers.extend(receivers),
        None => points.push(ContactPoint { name, receivers }),
    }
    Ok(())
}

fn receiver(node: &Node<'_>) -> Result<Receiver> {
    let kind = node.needed("type")?;
    let settings = node.tree("settings")?;
    let send = Kind::read(&kind, &settings);
    match &send {
        Err(error) => node.reading.note(&node.path, error),
        Ok(_) => {
            let known = Kind::known_settings(&kind);
            let names = settings.as_object().into_iter().flat_map(|entries| entries.keys());
            for name in names.filter(|name| !known.contains(&name.as_str())) {
                node.reading.note(
                    &node.at(&format!("settings.{name}")),
                    "is not known here and has no effect",
                );
            }
        }
    }
    let receiver = Receiver {
        uid: node.text("uid")?.unwrap_or_default(),
        no_resolved: node.flag("disableResolveMessage")?.unwrap_or(false),
        send,
        kind,
    };
    node.done();
    Ok(receiver)
}
