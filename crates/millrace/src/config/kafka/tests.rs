//! What `docs/kafka.md` tells people to write is taken.

use crate::config::Config;
use std::path::Path;

const GUIDE: &str = include_str!("../../../../../docs/kafka.md");

/// Its blocks of TOML.
fn snippets() -> impl Iterator<Item = &'static str> {
    let blocks = GUIDE.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default())
}

#[test]
fn what_the_guide_says_is_taken() {
    assert!(snippets().count() >= 7);
    for text in snippets() {
        let config = Config::parse(text, Path::new("/project"));
        let config = config.unwrap_or_else(|error| panic!("{}\n{text}", error.report()));
        assert_eq!(config.warnings, Vec::<String>::new(), "{text}");
        let kafka = config.source.kafka.expect("each has one");
        kafka.check_columns().unwrap_or_else(|error| panic!("{}\n{text}", error.report()));
    }
}
