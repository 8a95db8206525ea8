//! Of `[alerts]`.

use super::{Key, Kind, key};

pub(super) const KEYS: &[Key] = &[
    key(
        "alerts",
        Kind::Section,
        "",
        "What the rules in `alerting/` need beyond Grafana's files. See [docs/alerts.md](alerts.md).",
    ),
    key(
        "alerts.url",
        Kind::Text,
        "",
        "The page's address for people, for links in messages: `https://millrace.example`. By default where `serve.ui` listens.",
    ),
    key(
        "alerts.smtp",
        Kind::Section,
        "",
        "The server that takes mail for contact points of the type `email`.",
    ),
    key("alerts.smtp.server", Kind::Text, "", "`smtp.example:587`"),
    key(
        "alerts.smtp.tls",
        Kind::Text,
        "starttls",
        "`starttls`; `whole`, encrypted from the first byte (the default on port 465); `none`, for a server on this machine.",
    ),
    key("alerts.smtp.from", Kind::Text, "", "`Millrace <alerts@example.com>`"),
    key("alerts.smtp.user", Kind::Text, "", "Who sends, if the server asks."),
    key("alerts.smtp.password", Kind::Text, "", "Hers: `${SMTP_PASSWORD}`."),
];
