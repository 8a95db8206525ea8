//! Where these tests keep rows: one engine for the process.

use std::sync::{Arc, LazyLock};
use store::{Engine, EngineOptions, Layout, Store};

pub(crate) type Home = Arc<dyn Store>;

pub(crate) fn home() -> Home {
    static ENGINE: LazyLock<(Engine, tempfile::TempDir)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions { data_dir: folder.path().to_owned(), memory_bytes: 4 << 30 };
        (Engine::open(&options).unwrap(), folder)
    });
    Arc::new(ENGINE.0.clone())
}

pub(crate) fn layout() -> &'static Layout {
    &Layout::EMBEDDED
}
