//! A model of the project, and what is written of it beside its SQL: its columns, its contract, its tests.

use super::names::is_plain;
use super::quoting::{ident, yaml, yaml_name, yaml_type};
use std::fmt::Write;

pub(in crate::cli::init) struct Model {
    pub(in crate::cli::init) name: String,
    pub(super) description: String,
    pub(super) columns: Vec<Column>,
    /// Of several columns together.
    pub(super) tests: Vec<Test>,
    pub(super) sql: String,
}

pub(in crate::cli::init) struct Column {
    pub(in crate::cli::init) name: String,
    /// ClickHouse's, exactly: the contract compares texts.
    pub(super) data_type: String,
    pub(super) description: Option<String>,
    pub(super) tests: Vec<Test>,
}

#[derive(Clone, PartialEq)]
pub(in crate::cli::init) enum Test {
    Unique,
    NotNull,
    UniqueTogether(Vec<String>),
    /// Model and column.
    Related(String, String),
    /// These columns are those of that model.
    RelatedTogether(Vec<String>, String, Vec<String>),
}

impl Test {
    pub(super) fn macro_name(&self) -> &'static str {
        match self {
            Test::Unique => "unique",
            Test::NotNull => "not_null",
            Test::UniqueTogether(_) => "unique_together",
            Test::Related(..) => "relationships",
            Test::RelatedTogether(..) => "related_together",
        }
    }

    fn yaml(&self) -> String {
        let list = |names: &[String]| {
            let names: Vec<String> = names.iter().map(|name| argument(name)).collect();
            format!("[{}]", names.join(", "))
        };
        let name = self.macro_name();
        match self {
            Test::Unique | Test::NotNull => name.to_owned(),
            Test::UniqueTogether(columns) => {
                format!("{name}: {{arguments: {{columns: {}}}}}", list(columns))
            }
            Test::Related(to, field) => format!(
                "{name}: {{arguments: {{to: ref('{to}'), field: {}}}, config: {{severity: warn}}}}",
                argument(field)
            ),
            Test::RelatedTogether(columns, to, fields) => format!(
                "{name}: {{arguments: {{columns: {}, to: ref('{to}'), fields: {}}}, config: {{severity: warn}}}}",
                list(columns),
                list(fields)
            ),
        }
    }
}

/// A column as a test's SQL takes it.
fn argument(column: &str) -> String {
    yaml_name(&ident(column))
}

impl Model {
    pub(super) fn all_tests(&self) -> impl Iterator<Item = &Test> {
        self.columns.iter().flat_map(|column| &column.tests).chain(&self.tests)
    }

    fn yaml(&self) -> String {
        let mut text = format!(
            "  - name: {}\n    description: {}\n    config: {{contract: {{enforced: true}}}}\n",
            yaml_name(&self.name),
            yaml(&self.description)
        );
        if !self.tests.is_empty() {
            text += "    data_tests:\n";
            self.tests.iter().for_each(|test| text += &format!("      - {}\n", test.yaml()));
        }
        text += "    columns:\n";
        for column in &self.columns {
            let _ = writeln!(text, "      - name: {}", yaml_name(&column.name));
            if !is_plain(&column.name) {
                text += "        quote: true\n";
            }
            let _ = writeln!(text, "        data_type: {}", yaml_type(&column.data_type));
            if let Some(description) = &column.description {
                let _ = writeln!(text, "        description: {}", yaml(description));
            }
            let tests: Vec<String> = column.tests.iter().map(Test::yaml).collect();
            if tests.iter().any(|test| test.contains(':')) {
                text += "        data_tests:\n";
                tests.iter().for_each(|test| text += &format!("          - {test}\n"));
            } else if !tests.is_empty() {
                let _ = writeln!(text, "        data_tests: [{}]", tests.join(", "));
            }
        }
        text
    }
}

/// A file of properties.
pub(super) fn properties<'a>(models: impl Iterator<Item = &'a Model>, comment: &str) -> String {
    let models: Vec<String> = models.map(Model::yaml).collect();
    format!("{comment}version: 2\n\nmodels:\n{}", models.join("\n"))
}
