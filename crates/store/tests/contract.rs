//! The embedded engine keeps what a store promises.

use contract::Home;
use std::sync::{Arc, LazyLock};
use store::{Engine, EngineOptions};

contract::tests!(home);

/// One engine a process.
fn home() -> Home {
    static ENGINE: LazyLock<(Engine, tempfile::TempDir)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions { data_dir: folder.path().to_owned(), memory_bytes: 2 << 30 };
        (Engine::open(&options).unwrap(), folder)
    });
    Home::new(Arc::new(ENGINE.0.clone()))
}
