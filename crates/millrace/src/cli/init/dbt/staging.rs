//! A model for each table: its columns by name, its types as a contract, its keys as tests.

use super::model::{Column, Model, Test};
use super::names::{Names, of_columns, snake};
use super::quoting::{ident, yaml, yaml_name};
use crate::cli::propose;
use model::Mode;
use source::survey::{Link, Surveyed, SurveyedColumn};
use std::collections::BTreeMap;
use store::{Target, Type};

/// All that a `DateTime64(6)` has: more partitions than that there cannot be.
const MONTHS_MOST: u16 = 4800;

/// A table of the source on its way into the project.
pub(in crate::cli::init) struct Staged<'a> {
    pub(in crate::cli::init) target: &'a Target,
    pub(in crate::cli::init) surveyed: &'a Surveyed,
    /// `stg_orders`
    pub(in crate::cli::init) model: String,
    pub(in crate::cli::init) columns: Vec<StagedColumn<'a>>,
}

pub(in crate::cli::init) struct StagedColumn<'a> {
    pub(in crate::cli::init) name: String,
    /// What ClickHouse calls it.
    pub(in crate::cli::init) kept: &'a str,
    pub(in crate::cli::init) clickhouse: &'a str,
    /// `None`: the engine fills it.
    pub(in crate::cli::init) surveyed: Option<&'a SurveyedColumn>,
}

/// Those that are both kept and known to the survey, with names that no two of them share.
pub(super) fn stage<'a>(targets: &'a [Target], tables: &'a [Surveyed]) -> Vec<Staged<'a>> {
    let known = |target: &'a Target| {
        let surveyed = tables.iter().find(|table| table.name == target.table.name)?;
        (!target.columns.is_empty()).then_some((target, surveyed))
    };
    let mut known: Vec<(&Target, &Surveyed)> = targets.iter().filter_map(known).collect();
    // Those that are as they should be keep their names.
    known.sort_by_key(|(_, surveyed)| snake(&surveyed.name.table) != surveyed.name.table);
    let mut names = Names::default();
    let stage = |(target, surveyed): &(&'a Target, &'a Surveyed)| {
        let name = &surveyed.name;
        let table = snake(&name.table);
        // Of several schemas with such a table the one that everybody has need not be named.
        let is_shared = name.schema != "public"
            && known.iter().filter(|(_, other)| snake(&other.name.table) == table).count() > 1;
        let stem = if is_shared { format!("{}_{table}", snake(&name.schema)) } else { table };
        let model = names.take(&format!("stg_{stem}"));
        Staged { target, surveyed, model, columns: columns(target, surveyed) }
    };
    known.iter().map(stage).collect()
}

fn columns<'a>(target: &'a Target, surveyed: &'a Surveyed) -> Vec<StagedColumn<'a>> {
    let kept: Vec<&str> = target.visible();
    let own = target.columns.iter().map(|column| {
        let name = &target.table.columns[column.source].name;
        let surveyed = surveyed.columns.iter().find(|surveyed| surveyed.name == *name);
        (column.clickhouse.as_str(), surveyed)
    });
    let filled = target.extra_columns.iter().map(|(_, definition)| {
        (definition.split_once(" DEFAULT").map_or(definition.as_str(), |(ty, _)| ty), None)
    });
    let names = of_columns(&kept).into_iter().zip(&kept);
    names
        .zip(own.chain(filled))
        .map(|((name, kept), (clickhouse, surveyed))| StagedColumn {
            name,
            kept,
            clickhouse,
            surveyed,
        })
        .collect()
}

impl<'a> Staged<'a> {
    /// By its name at the source.
    pub(super) fn column(&self, source: &str) -> Option<&StagedColumn<'a>> {
        let is_it = |surveyed: &SurveyedColumn| surveyed.name == source;
        self.columns.iter().find(|column| column.surveyed.is_some_and(is_it))
    }

    fn names(&self, source: &[String]) -> Option<Vec<String>> {
        source.iter().map(|name| Some(self.column(name)?.name.clone())).collect()
    }

    /// `orders` of `stg_orders`.
    pub(super) fn stem(&self) -> &str {
        self.model.strip_prefix("stg_").unwrap_or(&self.model)
    }

    pub(super) fn model(&self, all: &[Staged<'_>], sources: &Sources) -> Model {
        let key = self.names(&self.surveyed.key).unwrap_or_default();
        let mut tests = Vec::new();
        if key.len() > 1 {
            tests.push(Test::UniqueTogether(key.clone()));
        }
        // The same foreign key may be there twice, and a test may not.
        let mut linked: Vec<(Vec<String>, Test)> = Vec::new();
        for link in self.surveyed.links.iter().filter_map(|link| self.related(link, all)) {
            if !linked.contains(&link) {
                linked.push(link);
            }
        }
        let (alone, together): (Vec<_>, Vec<_>) =
            linked.into_iter().partition(|(columns, _)| columns.len() == 1);
        tests.extend(together.into_iter().map(|(_, test)| test));
        let column = |column: &StagedColumn<'_>| {
            let name = &column.name;
            let is_key = key.contains(name);
            let links = alone.iter().filter(|(columns, _)| columns[0] == *name);
            let links: Vec<Test> = links.map(|(_, test)| test.clone()).collect();
            let is_not_null = column.surveyed.is_some_and(|surveyed| surveyed.not_null);
            let mut tests = Vec::new();
            if is_key && key.len() == 1 {
                tests.push(Test::Unique);
            }
            if is_key || !links.is_empty() && is_not_null {
                tests.push(Test::NotNull);
            }
            tests.extend(links);
            Column {
                name: name.clone(),
                data_type: as_dbt_spells(column.clickhouse),
                description: self.describe(column),
                tests,
            }
        };
        Model {
            name: self.model.clone(),
            description: self.description(),
            columns: self.columns.iter().map(column).collect(),
            tests,
            sql: self.sql(&key, sources),
        }
    }

    fn description(&self) -> String {
        let name = &self.surveyed.name;
        self.surveyed.comment.clone().unwrap_or_else(|| match self.target.mode {
            Mode::Mirror => format!("The rows of {name} as they are now."),
            Mode::Append | Mode::History => format!("The rows of {name}, once each."),
        })
    }

    fn describe(&self, column: &StagedColumn<'_>) -> Option<String> {
        match column.surveyed {
            Some(surveyed) => surveyed.comment.clone(),
            None => Some("When it reached ClickHouse.".to_owned()),
        }
    }

    /// The test of a foreign key, and its columns here; `None`: the project has not both of its ends.
    fn related(&self, link: &Link, all: &[Staged<'_>]) -> Option<(Vec<String>, Test)> {
        let to = all.iter().find(|staged| staged.surveyed.name == link.to)?;
        let (columns, fields) = (self.names(&link.columns)?, to.names(&link.fields)?);
        let model = to.model.clone();
        let test = match &fields[..] {
            [field] => Test::Related(model, field.clone()),
            _ => Test::RelatedTogether(columns.clone(), model, fields),
        };
        Some((columns, test))
    }

    fn sql(&self, key: &[String], sources: &Sources) -> String {
        let from = sources.of(self.target);
        let selected: Vec<String> = self.columns.iter().map(StagedColumn::selected).collect();
        let select = format!("select\n    {}\nfrom {from} as m\n", selected.join(",\n    "));
        let time = propose::time_column(self.surveyed).and_then(|time| self.column(time));
        let newest = self.columns.iter().find(|column| column.surveyed.is_none());
        // A mirror has one row a key by itself.
        match (self.target.mode, key, time, newest) {
            (Mode::Append, [key], Some(time), Some(newest)) => {
                self.grown(&select, &ident(key), time, newest)
            }
            _ => select,
        }
    }

    /// Facts once each, of which a run looks at the new ones. `newest` says when a row came.
    fn grown(
        &self,
        select: &str,
        key: &str,
        time: &StagedColumn<'_>,
        newest: &StagedColumn<'_>,
    ) -> String {
        let by_kept = |term: &String| {
            let column = self.columns.iter().find(|column| store::ddl::ident(column.kept) == *term);
            column.map(|column| ident(&column.name))
        };
        let order: Vec<String> = self.target.order_by.iter().filter_map(by_kept).collect();
        format!(
            "-- Each {key} once, whatever comes again. A run looks at what came since an hour before the last one.\n\
             -- A partition is a month, as in the table that it reads. The first run may write more of them than the 100 that an\n\
             -- INSERT is allowed by default, as a guard against too many parts; {MONTHS_MOST} is every month of 1900 to 2299.\n\
             {{{{ config(\n    materialized='incremental',\n    incremental_strategy='delete+insert',\n    \
             unique_key='{key}',\n    on_schema_change='append_new_columns',\n    order_by='({order})',\n    \
             partition_by='toYYYYMM({time})',\n    \
             query_settings={{'max_partitions_per_insert_block': {MONTHS_MOST}}}\n) }}}}\n\n\
             {select}where {{% if is_incremental() and var('millrace_from', none) is none -%}}\n    \
             m.{newest} + interval 1 hour >= (select max({newest}) from {{{{ this }}}})\n    \
             {{%- else %}}{{{{ since('{time}') }}}}{{% endif %}}\n\
             order by m.{newest} desc\nlimit 1 by {key}\n",
            order = order.join(", "),
            time = ident(&time.name),
            newest = ident(&newest.name),
        )
    }
}

/// Contracts are compared as texts, and dbt's client has the names within a tuple in quotes.
fn as_dbt_spells(clickhouse: &str) -> String {
    let ty = Type::parse(clickhouse);
    let element = |element: &&str| match element.split_once(' ') {
        Some((name, ty)) => format!("`{name}` {}", as_dbt_spells(ty)),
        None => (*element).to_owned(),
    };
    match (ty.name(), ty.element()) {
        ("Tuple", _) => {
            let elements: Vec<String> = ty.arguments().iter().map(element).collect();
            format!("Tuple({})", elements.join(", "))
        }
        (_, Some(_)) => format!("Array({})", as_dbt_spells(ty.arguments()[0])),
        _ => clickhouse.to_owned(),
    }
}

impl StagedColumn<'_> {
    /// A column that is renamed says of which table it is: its new name may be that of another one.
    fn selected(&self) -> String {
        match self.name == self.kept {
            true => ident(self.kept),
            false => format!("m.{} as {}", ident(self.kept), ident(&self.name)),
        }
    }
}

/// What the models read, by database and table of ClickHouse.
#[derive(Default)]
pub(super) struct Sources(BTreeMap<String, Database>);

struct Database {
    /// In the project.
    name: String,
    names: Names,
    tables: BTreeMap<String, Source>,
}

struct Source {
    name: String,
    description: Option<String>,
}

impl Sources {
    pub(super) fn new(staged: &[Staged<'_>]) -> Sources {
        let (mut sources, mut names) = (Sources::default(), Names::default());
        for table in staged {
            let place = &table.target.name;
            let database = sources.0.entry(place.schema.clone()).or_insert_with(|| Database {
                name: names.take(&snake(&place.schema)),
                names: Names::default(),
                tables: BTreeMap::new(),
            });
            let name = database.names.take(&snake(&place.table));
            let description = table.surveyed.comment.clone();
            database.tables.insert(place.table.clone(), Source { name, description });
        }
        sources
    }

    fn of(&self, target: &Target) -> String {
        let database = &self.0[&target.name.schema];
        let table = &database.tables[&target.name.table].name;
        format!("{{{{ source('{}', '{table}') }}}}", database.name)
    }

    /// `_sources.yml`
    pub(super) fn yaml(&self) -> String {
        let mut text = "version: 2\n\nsources:\n".to_owned();
        for (called, Database { name, tables, .. }) in &self.0 {
            text += &format!("  - name: {}\n", yaml_name(name));
            if name != called {
                text += &format!("    schema: {}\n", place(called));
            }
            text += "    description: Tables of Postgres, kept by Millrace.\n";
            text += FRESHNESS;
            text += "    tables:\n";
            for (called, Source { name, description }) in tables {
                text += &format!("      - name: {}\n", yaml_name(name));
                if name != called {
                    text += &format!("        identifier: {}\n", place(called));
                }
                if let Some(description) = description {
                    text += &format!("        description: {}\n", yaml(description));
                }
            }
        }
        text
    }
}

/// For `dbt source freshness`.
const FRESHNESS: &str = r#"    config:
      # Up to when they are whole, as the pipeline knows it: rows that nobody changes are fresh, too.
      loaded_at_query: select parseDateTimeBestEffort('{{ env_var("MILLRACE_FRESH_AT", "1970-01-02 00:00:00") }}', 'UTC')
      freshness:
        warn_after: {count: 5, period: minute}
        error_after: {count: 1, period: hour}
"#;

/// dbt puts a name into quotes of either kind, and leaves what is in it as it is.
fn place(name: &str) -> String {
    let quoted = store::ddl::ident(name);
    yaml(&quoted[1..quoted.len() - 1].replace('\'', "\\'"))
}
