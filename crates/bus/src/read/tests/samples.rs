//! Every message that a real Debezium sent, as it is read. `tests/data/*.read` is what is expected:
//! MILLRACE_WRITE_DOCS=1 cargo test -p bus samples

use super::*;

fn all(reader: &mut Reader, messages: &[Owned]) -> String {
    let mut text = String::new();
    for message in messages {
        let _ = writeln!(text, "{} {}", message.topic, told(reader, message));
    }
    for table in reader.tables() {
        let _ = writeln!(text, "{} {}", table.name, shape_of(table));
    }
    text
}

fn check(name: &str, found: &str) {
    let path = format!("{}/tests/data/{name}.read", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("MILLRACE_WRITE_DOCS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

/// Each connector's by themselves: they are of the same tables in different spellings.
#[test]
fn every_sample_of_json_is_read() {
    let samples = samples();
    let mut text = String::new();
    for connector in ["shop", "shopstr", "shopdbl", "shopschema"] {
        let of_it = |message: &&Owned| {
            message.topic.trim_start_matches("__debezium-heartbeat.").split('.').next()
                == Some(connector)
        };
        let messages: Vec<Owned> = samples.iter().filter(of_it).cloned().collect();
        text += &all(&mut reader(Format::DebeziumJson), &messages);
    }
    check("debezium", &text);
}

#[test]
fn every_sample_of_avro_is_read() {
    let (mut reader, messages) = avro();
    check("debezium-avro", &all(&mut reader, &messages));
}
