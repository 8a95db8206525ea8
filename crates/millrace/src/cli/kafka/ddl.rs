//! `millrace kafka ddl`: for those who want ClickHouse's own Kafka engine in place of our reader, on any server.

use super::super::sql::Way;
use super::super::{Answer, check};
use crate::assemble::block_on;
use crate::config::Config;
use crate::talk;
use flow::kafka::KafkaOptions;
use flow::kafka::engine::{self, Connection, Found};
use model::words::counted;
use model::{Error, Result, Table};
use store::{Layout, Rows};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Who reads the topics
    #[arg(long, value_enum, default_value_t = Engine::Kafka)]
    engine: Engine,

    /// Print passwords where <password> stands otherwise
    #[arg(long)]
    with_secrets: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Engine {
    /// ClickHouse's Kafka engine, with materialized views
    Kafka,
}

pub(crate) fn run(args: Args, config: &Config) -> Result<Answer> {
    let Engine::Kafka = args.engine;
    let options = config.topics()?.ok_or_else(|| {
        Error::definite("cannot find [source.kafka]")
            .detail("The project reads no topics.")
            .hint("[source.kafka] with brokers = \"kafka:9092\" and topics = [\"^shop\\\\.public\\\\..*\"]")
    })?;
    let known = known(config, &options.consumer.group)?;
    let found = engine::look(&options, known, &catalog(config)?)?;
    let layout = match config.store.remote {
        None => Layout::EMBEDDED,
        Some(_) => Layout::of(config.store.cluster.as_deref()),
    };
    talk::print(&text(&found, &options, &layout, args.with_secrets)?)?;
    let is_whole = found.left_out.is_empty();
    say(found);
    Ok(if is_whole { Answer::Yes } else { Answer::No })
}

/// What the store has of the topics. One that cannot be asked says nothing.
fn known(config: &Config, group: &str) -> Result<Vec<Table>> {
    if config.store.remote.is_none() && !config.store.data_dir.is_dir() {
        return Ok(Vec::new());
    }
    let asked = Way::find(config, None).and_then(|way| {
        let has =
            "SELECT count() FROM system.tables WHERE database = 'millrace' AND name = 'tables'";
        match way.text(has, "TabSeparated")?.trim() {
            "0" => Ok(String::new()),
            _ => way.text(engine::KNOWN, "JSONCompactStringsEachRow"),
        }
    });
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) => {
            let why = error.report();
            talk::warning(&format!(
                "shapes are those of the topics, as the store was not asked: {why}"
            ));
            return Ok(Vec::new());
        }
    };
    let unreadable = |error| Error::bug("cannot read millrace.tables").source(error);
    let rows = answer.lines().map(serde_json::from_str).collect::<serde_json::Result<Rows>>();
    engine::known(rows.map_err(unreadable)?, group)
}

/// The tables of the Postgres that the topics come from, where it can be asked.
fn catalog(config: &Config) -> Result<Vec<Table>> {
    if !config.has_stream() {
        return Ok(Vec::new());
    }
    let address = config.address()?;
    Ok(block_on(check::look_at_source(config, &address))?.0.tables)
}

fn text(
    found: &Found,
    options: &KafkaOptions,
    layout: &Layout,
    shows_secrets: bool,
) -> Result<String> {
    let of = &options.consumer;
    let connection = Connection {
        brokers: &of.brokers,
        group: &of.group,
        security: Some(&of.security),
        registry: of.reader.registry.as_ref(),
        placeholder: &of.reader.placeholder,
        shows_secrets,
    };
    let mut statements = engine::shared(&of.group, layout);
    for reads in &found.topics {
        statements.extend(engine::table(reads, layout));
        statements.extend(engine::topic(reads, &connection, layout)?);
    }
    let mut text = String::new();
    if let Some(files) = engine::files_of_server(&of.security) {
        text += &files;
    }
    let mut once: Vec<String> = Vec::new();
    for statement in statements {
        // Tables share databases.
        if !once.contains(&statement) {
            text += &format!("{statement};\n\n");
            once.push(statement);
        }
    }
    Ok(text)
}

fn say(found: Found) {
    for (topic, error) in found.left_out {
        talk::error(&error.context(format_args!("topic {topic}")));
    }
    for topic in &found.empty {
        talk::warning(&format!("topic {topic} has no row yet: what its table is, nothing tells"));
    }
    for reads in found.topics.iter().filter(|reads| reads.is_flat()) {
        talk::warning(&format!(
            "topic {} has rows without an envelope: a delete is seen where the transform has \
             delete.tombstone.handling.mode = rewrite, as ClickHouse shows no tombstones",
            reads.topic
        ));
    }
    for reads in found.topics.iter().filter(|reads| reads.partitions > 1) {
        talk::warning(&format!(
            "topic {} has {}: versions follow offsets, so none may be added while ClickHouse reads it",
            reads.topic,
            counted(reads.partitions as u64, "partition")
        ));
    }
    talk::say(format!(
        "{}; docs/kafka-engine.md says what these do and do not do",
        counted(found.topics.len() as u64, "topic")
    ));
}
