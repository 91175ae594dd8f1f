//! The metadata of products: Landsat's as text or JSON, Maxar's; the first byte chooses which.
#![no_main]

use std::{fs, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use trapan::product::Product;

const NAMES: [&str; 4] = ["LC08_MTL.txt", "LC08_MTL.json", "1_MUL/scene.IMD", "1_MUL/scene.TIL"];

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a temporary folder");
    for part in ["1_PAN", "1_MUL"] {
        fs::create_dir(folder.path().join(part)).expect("a folder");
        fs::write(folder.path().join(part).join("scene.TIF"), b"").expect("a file");
    }
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, text)) = bytes.split_first() else { return };
    NAMES.iter().for_each(|name| drop(fs::remove_file(FOLDER.path().join(name))));
    fs::write(FOLDER.path().join(NAMES[usize::from(*choice) % NAMES.len()]), text).expect("a metadata file");
    let _ = Product::open(FOLDER.path(), &[]);
});
