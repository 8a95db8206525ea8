//! Go's text/template, as far as Grafana's notification templates and annotations use it.
//!
//! ```text
//! text ─▶ parse (names, nodes with lines) ─▶ Set ─▶ run (data, $labels, $values) ─▶ text
//! ```
//!
//! The only crate for it, `gtmpl`, has no bound on what a template may do. Here steps, depth,
//! bytes that are made and bytes that come out are bounded, so a template ends, and an error names template and line.

mod defaults;
mod functions;
mod go;
mod humanize;
mod parse;
mod run;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use functions::{escape_html, escape_url};
pub use value::{Struct, Value};

use parse::Node;

const TEMPLATES_MAX: usize = 1_000;
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Templates that know each other by name.
#[derive(Clone, Debug, Default)]
pub struct Set {
    templates: BTreeMap<String, Arc<Vec<Node>>>,
    /// What `externalURL` answers.
    pub external_url: String,
}

impl Set {
    /// The templates that every contact point has, named as Grafana names them.
    pub fn with_defaults() -> Set {
        let mut set = Set::default();
        for (name, text) in defaults::ALL {
            let added = set.add(name, text);
            debug_assert!(added.is_ok(), "{added:?}");
        }
        set
    }

    /// Every `define` of the text; the text itself under `name` if it says something outside of them.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), String> {
        let parsed = read(name, text)?;
        if self.templates.len() + parsed.defined.len() > TEMPLATES_MAX {
            return Err(format!("template {name}: there are {TEMPLATES_MAX} templates at most"));
        }
        let says = parsed.body.iter().any(|node| !node.is_blank());
        let defines_itself = parsed.defined.iter().any(|(defined, _)| defined == name);
        for (name, nodes) in parsed.defined {
            self.templates.insert(name, Arc::new(nodes));
        }
        if says && !defines_itself {
            self.templates.insert(name.to_owned(), Arc::new(parsed.body));
        }
        Ok(())
    }

    /// A text with templates in it. `name` is for errors; `dot` is `.` and `$`; the variables come without their `$`.
    pub fn expand(
        &self,
        name: &str,
        text: &str,
        dot: &Value,
        variables: &[(&str, Value)],
    ) -> Result<String, String> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let parsed = read(name, text)?;
        if parsed.defined.is_empty() {
            return run::run(self, name, &parsed.body, dot, variables);
        }
        let mut own = self.clone();
        for (name, nodes) in parsed.defined {
            own.templates.insert(name, Arc::new(nodes));
        }
        run::run(&own, name, &parsed.body, dot, variables)
    }

    fn get(&self, name: &str) -> Option<&Arc<Vec<Node>>> {
        self.templates.get(name)
    }
}

fn read(name: &str, text: &str) -> Result<parse::Parsed, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("template {name}: it has more than {TEXT_BYTES_MAX} bytes"));
    }
    parse::parse(text).map_err(|(line, what)| format!("template {name}, line {line}: {what}"))
}

#[cfg(test)]
mod tests;
