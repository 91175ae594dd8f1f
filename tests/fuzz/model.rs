//! Trained networks in a file.
#![no_main]

use std::{fs, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use trapan::method::Model;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a temporary folder"));

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.path().join("m.safetensors");
    fs::write(&path, bytes).expect("a file");
    let _ = Model::load(&path);
});
