//! What the topics hold, and so what the engine has to be told.
//!
//! A table is, in this order: what the store knows of it; what its messages say, the first ones and the last of
//! each partition, with their schemas; where those say nothing, `[source.kafka.types]`, then what the source's
//! catalog calls its columns.

use super::reading::{Form, Wanted, cannot_read};
use super::script;
use crate::kafka::{KafkaOptions, offsets, tables};
use crate::tables::{READ_STATES, states_of};
use bus::read::{Brings, DescribedColumn, Format, Reader, ReaderOptions, named};
use bus::sample::{SampleOptions, sample};
use model::{Error, Mode, OnUpdate, PgType, Result, Table, TableName};
use std::sync::Arc;
use store::{Rows, Target};

/// What the topics came to.
pub struct Found {
    pub topics: Vec<Reads>,
    /// Topics that the engine cannot read, and why.
    pub left_out: Vec<(String, Error)>,
    /// Topics without a row.
    pub empty: Vec<String>,
}

/// A topic, and the table that its rows go to.
pub struct Reads {
    pub topic: String,
    pub partitions: usize,
    pub target: Arc<Target>,
    pub(super) form: Form,
    pub(super) described: Vec<DescribedColumn>,
}

/// Asks a store for what [`known`] reads.
pub const KNOWN: &str = READ_STATES;

/// The tables that have come through the group.
pub fn known(answer: Rows, group: &str) -> Result<Vec<Table>> {
    let known = tables::known_of(states_of(answer)?, &offsets::name(group));
    Ok(known.into_iter().map(|(table, _)| table).collect())
}

/// Blocks. `known`: tables of the store that came through the topics. `catalog`: of the source, where there is one.
pub fn look(options: &KafkaOptions, known: Vec<Table>, catalog: &[Table]) -> Result<Found> {
    let mut reader = options.consumer.reader.clone();
    declare(&mut reader, catalog);
    let mut reader = Reader::new(reader, known)?;
    let of = &options.consumer;
    let sampled =
        SampleOptions { brokers: &of.brokers, security: &of.security, topics: &of.topics };
    let partitions = sample(sampled, &mut reader)?;
    let mut found = Found { topics: Vec::new(), left_out: Vec::new(), empty: Vec::new() };
    for described in reader.described() {
        let topic = described.topic.to_owned();
        let form = match (of.reader.plain.get(&topic), of.reader.format) {
            (Some(plain), _) => Form::Plain(Some(plain.clone())),
            (None, Format::Json) => Form::Plain(None),
            (None, Format::DebeziumAvro) => Form::Avro { is_flat: described.is_flat },
            (None, Format::DebeziumJson) => {
                Form::Json { is_wrapped: described.is_wrapped, is_flat: described.is_flat }
            }
        };
        let (table, columns) = match described.brings {
            Brings::Nothing => {
                found.empty.push(topic);
                continue;
            }
            Brings::Several => {
                found.left_out.push((topic.clone(), several(&topic)));
                continue;
            }
            Brings::One { table, columns } => (table, columns),
        };
        let resolved = tables::resolve(table, &options.tables, options.database_pattern.as_deref());
        let resolved = resolved.and_then(|target| {
            let partitions = partitions.get(&topic).copied().unwrap_or(1);
            let topic = topic.clone();
            let reads = Reads { topic, partitions, target, form, described: columns };
            reads.check().map(|()| reads)
        });
        match resolved {
            Ok(reads) => found.topics.push(reads),
            Err(error) => found.left_out.push((topic, error)),
        }
    }
    Ok(found)
}

/// What nobody has declared, as the source calls it.
fn declare(reader: &mut ReaderOptions, catalog: &[Table]) {
    for table in catalog {
        let schema = reader.schema.replace("{schema}", &table.name.schema);
        let here = TableName::new(schema, &table.name.table);
        let declared = reader.declared.entry(here).or_default();
        for column in &table.columns {
            let type_name = match column.pg {
                PgType::Enum => "enum",
                _ => &column.type_name,
            };
            if named(type_name).is_some() {
                declared.entry(column.name.clone()).or_insert_with(|| type_name.to_owned());
            }
        }
    }
}

fn several(topic: &str) -> Error {
    Error::definite(format!("cannot have ClickHouse read {topic}: it brings several tables"))
        .hint("a topic a table, as Debezium sends them; or [source.kafka] engine = \"millrace\"")
}

impl Reads {
    /// Rows have no envelope: deletes are among them only where Debezium was told to rewrite them, as the engine
    /// shows no tombstones.
    pub fn is_flat(&self) -> bool {
        matches!(self.form, Form::Json { is_flat: true, .. } | Form::Avro { is_flat: true })
    }

    pub(super) fn wanted(&self) -> Vec<Wanted<'_>> {
        let table = &self.target.table;
        let columns = self.target.columns.iter().enumerate();
        let wanted = columns.map(|(at, column)| Wanted {
            name: &table.columns[column.source].name,
            pg: &table.columns[column.source].pg,
            described: &self.described[column.source],
            is_key: table.key.contains(&column.source),
            alias: format!("_x{at}"),
        });
        wanted.collect()
    }

    /// Whether the engine can do what is wanted of the table.
    fn check(&self) -> Result<()> {
        let (target, name) = (&self.target, &self.target.table.name);
        let cannot = |why: &str| {
            Err(Error::definite(format!("cannot have ClickHouse read {name}"))
                .detail(why.to_owned())
                .hint("[source.kafka] engine = \"millrace\""))
        };
        match target.mode {
            Mode::History => return cannot("A history needs what a key was before it changed."),
            Mode::Append if target.on_update == OnUpdate::Apply => {
                return cannot("Its updates are to be applied, which needs their order.");
            }
            Mode::Mirror if target.table.is_its_own_key() => {
                return cannot(
                    "It has no key, and an UPDATE of it takes one row and adds another.",
                );
            }
            _ => {}
        }
        for (wanted, column) in self.wanted().iter().zip(&target.columns) {
            if script::is_own_name(&column.name) {
                return cannot(&format!(
                    "Its column {} has a name that the statements use.",
                    column.name
                ));
            }
            let value = self.form.value(wanted);
            let made = value.made("x", "1").filter(|made| made.fits(column, wanted.pg));
            if made.is_none() {
                return Err(cannot_read(&target.table, wanted));
            }
        }
        Ok(())
    }
}
