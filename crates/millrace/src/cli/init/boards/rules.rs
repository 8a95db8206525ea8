//! Alert rules, as text: what the shop's file says of a rule stays beside it.
//!
//! Nobody is told to begin with. A contact point without an address is none: Grafana does not start with a webhook whose
//! `url` is empty, as it is while an environment variable is not set, nor with a policy that names a contact point
//! that is not there. So both stand in comments, as a pair that is taken out of them together; until then Grafana keeps
//! its own default policy, and Millrace shows alerts on its page.

use super::shapes::{Fit, Shown};
use super::words::Words;
use super::{Board, RULES};
use ::grafana::dashboard::panels;

const FOLDER: &str = "Millrace";
/// Groups of the shop's that any project has.
const ALWAYS: [&str; 2] = ["pipe", "dbt"];

const ABOVE: &str = "What is far above normal is no alarm.";
const ONE_CURRENCY: &str = " Sums are of the currency that most orders of these days are in.";

pub(super) const CONTACT_POINTS: &str = "\
# Whom alerts are told. Nobody yet: they are shown on the page alone. Take the comment signs away here and in
# policies.yaml, both, once MILLRACE_ALERT_WEBHOOK is set to an address that takes a POST of JSON: while it is not set
# the address is empty, and no contact point. Other types: slack, email, pagerduty, teams, discord, as Grafana has them.
apiVersion: 1

# contactPoints:
#   - orgId: 1
#     name: team
#     receivers:
#       - uid: team-webhook
#         type: webhook
#         disableResolveMessage: false
#         settings:
#           url: ${MILLRACE_ALERT_WEBHOOK}
#           httpMethod: POST
";

pub(super) const POLICIES: &str = "\
# Who is told what, and how often. It names a contact point, so it is in comments as long as contact-points.yaml is.
apiVersion: 1

# policies:
#   - orgId: 1
#     receiver: team
#     group_by: [grafana_folder, alertname]
#     group_wait: 30s
#     group_interval: 5m
#     repeat_interval: 4h
#     routes:
#       # What costs money or data is said again every hour.
#       - receiver: team
#         object_matchers: [[severity, '=', critical]]
#         repeat_interval: 1h
";

/// The file, and how many rules it has.
pub(super) fn rules(fit: &Fit, boards: &[Board]) -> (String, u64) {
    let words = |uid: &str| -> Option<Words> {
        let events = fit.events.as_ref().map(|shown| shown.mart.clone());
        match uid {
            "shop-dau" => events,
            "shop-revenue" => fit.orders.as_ref().and_then(|shown: &Shown| shown.rule.clone()),
            _ => None,
        }
    };
    let (head, groups) = parts(RULES, "  - orgId: ");
    let (mut text, mut count) = (head, 0);
    for group in groups {
        let (head, rules) = parts(&group, "      - uid: ");
        let is_always = ALWAYS.iter().any(|name| head.contains(&format!("name: {name}\n")));
        let fitted: Vec<String> = rules
            .iter()
            .filter_map(|rule| {
                let uid = rule.trim_start().strip_prefix("- uid: ")?.lines().next()?;
                let words = if is_always { Words::default() } else { words(uid)? };
                let rule = linked(&with(rule, &words)?, boards);
                let has_currencies =
                    fit.orders.as_ref().is_some_and(|shown| shown.currencies.is_some());
                Some(match uid == "shop-revenue" && has_currencies {
                    true => rule.replace(ABOVE, &format!("{ABOVE}{ONE_CURRENCY}")),
                    false => rule,
                })
            })
            .collect();
        if !fitted.is_empty() {
            count += fitted.len() as u64;
            text += &head.replace("folder: Shop", &format!("folder: {FOLDER}"));
            text += &fitted.concat();
        }
    }
    (text.trim_end().to_owned() + "\n", count)
}

/// What stands before the first line that begins so, and what begins with each of them. Comments between them are the
/// shop's.
fn parts(text: &str, begin: &str) -> (String, Vec<String>) {
    let (mut head, mut parts) = (String::new(), Vec::<String>::new());
    for line in text.split_inclusive('\n') {
        if line.starts_with(begin) {
            parts.push(line.to_owned());
        } else if line.starts_with("      #") {
            continue;
        } else {
            parts.last_mut().unwrap_or(&mut head).push_str(line);
        }
    }
    (head, parts)
}

/// The rule with its SQL fitted, and called as what it is about.
fn with(rule: &str, words: &Words) -> Option<String> {
    const BEGIN: &str = "rawSql: |\n";
    let mut text = String::new();
    let mut rest = rule;
    while let Some(at) = rest.find(BEGIN) {
        let (before, behind) = rest.split_at(at + BEGIN.len());
        let indent = behind.len() - behind.trim_start_matches(' ').len();
        let margin = " ".repeat(indent);
        let end = behind.split_inclusive('\n').take_while(|line| line.starts_with(&margin));
        let (sql, after) = behind.split_at(end.map(str::len).sum());
        let plain: Vec<&str> = sql.lines().map(|line| &line[indent..]).collect();
        text += before;
        for line in words.fit(&plain.join("\n"))?.lines() {
            text += &format!("{margin}{line}\n");
        }
        rest = after;
    }
    text += rest;
    let text = text.replace("- uid: shop-", "- uid: ").replace("team: shop", "team: product");
    Some(text.replace("dashboardUid: shop-", "dashboardUid: "))
}

/// Without the panel that it points to, where that was left out.
fn linked(rule: &str, boards: &[Board]) -> String {
    let said = |key: &str| {
        let line = rule.lines().find_map(|line| line.trim_start().strip_prefix(key));
        line.unwrap_or_default().trim().to_owned()
    };
    let (uid, id) = (said("dashboardUid:"), said("panelId:"));
    let is_there = boards.iter().any(|board| {
        board.uid == uid
            && panels(&board.dashboard).any(|panel| panel["id"].as_u64() == id.parse().ok())
    });
    let is_link = |line: &str| {
        let line = line.trim_start();
        line.starts_with("dashboardUid:") || line.starts_with("panelId:")
    };
    rule.split_inclusive('\n').filter(|line| is_there || !is_link(line)).collect()
}
