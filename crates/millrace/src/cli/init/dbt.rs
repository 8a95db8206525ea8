//! The dbt project that `init` writes for the tables that it found.
//!
//! ```text
//! names       what things are called: staging makes every name plain
//! quoting     text of others in YAML, in Jinja and in SQL
//! model       a model, and what _….yml says of it
//! staging     a model for each table, with its keys as tests
//! recognise   which tables are events, orders, subscriptions, and why
//! revenue     what an order brings, and when it brings nothing
//! ends        when a subscription ended
//! marts       what is asked of those first
//! cohorts     who comes back, and who uses what
//! ```
//!
//! The types of the contracts are those of the tables that `up` makes ([`Target`]). The files are the user's
//! afterwards: nothing reads them again.

mod cohorts;
mod ends;
pub(super) mod marts;
mod model;
pub(super) mod names;
mod quoting;
pub(super) mod recognise;
pub(super) mod revenue;
mod staging;

use super::boards::{Fit, Places};
use crate::config::{DEFAULT_PROJECT, DEFAULT_SCHEMA};
use crate::talk::{self, Paint};
use ::model::words::counted;
use ::model::{Error, Result};
use marts::Mart;
use model::{Model, Test, properties};
use names::Names;
use recognise::Recognised;
use source::survey::Surveyed;
use staging::{Sources, Staged};
use std::path::Path;
use store::Target;

macro_rules! shop {
    ($path:literal) => {
        include_str!(concat!("../../../../../examples/shop/dbt/", $path))
    };
}

const IGNORED: &str = "target/\nlogs/\n.user.yml\n";
const UNIQUE_TOGETHER: &str = shop!("tests/generic/unique_together.sql");
const RELATED_TOGETHER: &str =
    "{# A row in which all of these columns are set has its counterpart. #}
{% test related_together(model, columns, to, fields) %}
select {{ columns | join(', ') }}
from {{ model }}
where {% for column in columns %}{{ column }} is not null and {% endfor -%}
    ({{ columns | join(', ') }}) not in (select {{ fields | join(', ') }} from {{ to }})
{% endtest %}
";

/// Writes it beside `millrace.toml`, unless there is one. What is in it, if there is now one of ours.
pub(super) fn write(
    dir: &Path,
    database: &str,
    targets: &[Target],
    tables: &[Surveyed],
) -> Result<Option<Fit>> {
    let folder = dir.join(DEFAULT_PROJECT);
    let shown = folder.display();
    if folder.exists() {
        talk::say(format!("dbt: {shown} is there, and stays as it is"));
        return Ok(None);
    }
    let staged = staging::stage(targets, tables);
    if staged.is_empty() {
        talk::say(
            "dbt: no project is written, as nothing is published yet; once it is, remove millrace.toml and run this again",
        );
        return Ok(None);
    }
    let found: Vec<Recognised<'_>> = staged.iter().filter_map(recognise::recognise).collect();
    let taken = Names::with(staged.iter().map(|table| table.model.clone()));
    let marts = marts::marts(&found, taken);
    let sources = Sources::new(&staged);
    let models: Vec<Model> = staged.iter().map(|table| table.model(&staged, &sources)).collect();
    for (path, text) in files(database, &staged, &models, &marts, &sources) {
        let path = folder.join(path);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, text)).map_err(|error| {
            Error::definite(format!("cannot write {}", path.display())).source(error)
        })?;
    }
    talk::print(&format!("{shown}/\n"))?;
    say(&models, &marts);
    let schemas = Schemas::beside(&staged);
    let places = Places { staging: &schemas.staging, marts: &schemas.marts };
    Ok(Some(Fit::find(&found, &marts, &places)))
}

fn files(
    database: &str,
    staged: &[Staged<'_>],
    models: &[Model],
    marts: &[Mart<'_>],
    sources: &Sources,
) -> Vec<(String, String)> {
    let marts: Vec<&Model> = marts.iter().map(|mart| &mart.model).collect();
    let schemas = Schemas::beside(staged);
    let name = project_name(database);
    let mut files = vec![
        (".gitignore".to_owned(), IGNORED.to_owned()),
        ("dbt_project.yml".to_owned(), project(&name, database, &schemas, !marts.is_empty())),
        ("profiles.yml".to_owned(), profiles(&name, &schemas)),
        ("macros/schema_names.sql".to_owned(), shop!("macros/schema_names.sql").to_owned()),
        ("models/staging/_sources.yml".to_owned(), sources.yaml()),
    ];
    let comment = "# Types are ClickHouse's, and NULL is in those that say so: a contract is a test of NOT NULL as well.\n\
                   # Foreign keys warn: a row may come a moment before the one that it points to.\n";
    files.push(("models/staging/_staging.yml".to_owned(), properties(models.iter(), comment)));
    let sql = |folder: &str, model: &Model| {
        (format!("models/{folder}/{}.sql", model.name), model.sql.clone())
    };
    files.extend(models.iter().map(|model| sql("staging", model)));
    files.extend(marts.iter().map(|model| sql("marts", model)));
    if !marts.is_empty() {
        files.push(("models/marts/_marts.yml".to_owned(), properties(marts.iter().copied(), "")));
    }
    if models.iter().any(|model| model.sql.contains("since(")) {
        files.push(("macros/since.sql".to_owned(), shop!("macros/since.sql").to_owned()));
    }
    let tests: Vec<&Test> = models.iter().chain(marts).flat_map(Model::all_tests).collect();
    let own = [("unique_together", UNIQUE_TOGETHER), ("related_together", RELATED_TOGETHER)];
    for (test, text) in own {
        if tests.iter().any(|used| used.macro_name() == test) {
            files.push((format!("tests/generic/{test}.sql"), text.to_owned()));
        }
    }
    files
}

/// Databases that no mirror is in.
struct Schemas {
    staging: String,
    marts: String,
}

impl Schemas {
    fn beside(staged: &[Staged<'_>]) -> Schemas {
        let places = staged.iter().flat_map(|table| [&table.target.name, &table.target.rows]);
        let mut names = Names::with(places.map(|place| place.schema.clone()));
        let (staging, marts) = (names.take("staging"), names.take(DEFAULT_SCHEMA));
        Schemas { staging, marts }
    }
}

/// What dbt takes for one, and none of its own.
fn project_name(database: &str) -> String {
    let ascii = |letter: char| if letter.is_ascii() { letter } else { '_' };
    let name: String = names::snake(database).chars().map(ascii).collect();
    match name.starts_with(|first: char| first.is_ascii_lowercase()) {
        true => format!("{name}_analytics"),
        false => format!("db_{name}_analytics"),
    }
}

fn project(name: &str, database: &str, schemas: &Schemas, has_marts: bool) -> String {
    let mut text = format!(
        "# Written by `millrace init` from the tables of database {}; it is yours from now on.\n\
         # Millrace runs it (`millrace transform build`); so does the stock dbt with a profile called {name}.\n\
         name: {name}\nversion: '1.0'\nprofile: {name}\nrequire-dbt-version: [\">=1.11.0\", \"<1.12.0\"]\n\n\
         models:\n  {name}:\n    staging:\n      +schema: {}\n      +materialized: view\n",
        quoting::comment(database),
        schemas.staging
    );
    if has_marts {
        text +=
            &format!("    marts:\n      +schema: {}\n      +materialized: table\n", schemas.marts);
    }
    text + "\nflags:\n  send_anonymous_usage_stats: false\n"
}

/// The shop's, under this name.
fn profiles(name: &str, schemas: &Schemas) -> String {
    shop!("profiles.yml")
        .replace("\nshop:\n", &format!("\n{name}:\n"))
        .replace("schema: marts", &format!("schema: {}", schemas.marts))
}

fn say(models: &[Model], marts: &[Mart<'_>]) {
    let all = models.iter().chain(marts.iter().map(|mart| &mart.model));
    let tests = all.flat_map(Model::all_tests).count() as u64;
    let (staged, tests) = (counted(models.len() as u64, "staging model"), counted(tests, "test"));
    talk::say(match marts.len() as u64 {
        0 => {
            format!("dbt: {staged}, {tests}; no table is known for events, orders or subscriptions")
        }
        count => {
            let marts = counted(count, "mart");
            format!("dbt: {staged}, {tests}, and {marts}, whose first lines say why:")
        }
    });
    let width = marts.iter().map(|mart| mart.model.name.chars().count()).max().unwrap_or_default();
    for mart in marts {
        let of = talk::plain(&mart.of.staged.surveyed.name.to_string());
        let name = talk::words(format!("{:<width$}", mart.model.name), Paint::Bold);
        talk::say(format!("  {name}  of {of}"));
    }
}
