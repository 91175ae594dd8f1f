//! A training on disk. The file belongs to the run if it says so.
#![no_main]

use std::{fs, sync::LazyLock, time::Duration};

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use trapan::method::Checkpoints;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary folder"));

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.path().join("c.checkpoint");
    fs::write(&path, bytes).expect("a file");
    let _ = Checkpoints::new(&path, Duration::MAX).is_of("fuzz");
});
