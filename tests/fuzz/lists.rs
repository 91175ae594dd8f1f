//! Files that list others as their parts, VRT and DIMAP: opened among an image and a list that they may name.
#![no_main]

use std::{fs, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use trapan::tiff::{Creation, Layout, Sample, Source, Window, write};

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("a.tif");
    write(&path, &Layout::new([2, 2], 2, Sample::U16), &[0.0; 8], None, &Creation::default(), false).expect("an image");
    folder
});

fuzz_target!(|text: &[u8]| {
    let path = FOLDER.path().join("in.vrt");
    fs::write(&path, text).expect("a list");
    let Ok(source) = Source::open(&[path]) else { return };
    let [width, height] = source.header().size();
    let window = Window { x: width / 2, y: height / 2, width: 1, height: 1 };
    let _ = (source.read(window), source.read_all());
});
