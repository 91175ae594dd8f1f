//! Files beside an image: GDAL's own (PAM, XML), world files with their coordinate system, camera models. The first
//! byte chooses which of them the others are.
#![no_main]

use std::{fs, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use trapan::tiff::{Creation, Item, Layout, Metadata, Sample, Source, write};

const IMAGE: &str = "IMG_X_R1C1.tif";
const WORLD: &str = "IMG_X_R1C1.tfw";
const SYSTEM: &str = "IMG_X_R1C1.prj";
const NAMES: [&str; 6] =
    ["IMG_X_R1C1.tif.aux.xml", WORLD, SYSTEM, "IMG_X_R1C1.RPB", "IMG_X_R1C1_RPC.TXT", "RPC_X.XML"];

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a temporary folder");
    let item = Item { name: "A".to_owned(), value: "1".to_owned(), ..Item::default() };
    let metadata = Metadata { items: vec![item], ..Metadata::default() };
    let layout = Layout { metadata, ..Layout::new([2, 2], 2, Sample::U16) };
    let path = folder.path().join(IMAGE);
    write(&path, &layout, &[0.0; 8], None, &Creation::default(), false).expect("an image");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, text)) = bytes.split_first() else { return };
    let folder = FOLDER.path();
    NAMES.iter().for_each(|name| drop(fs::remove_file(folder.join(name))));
    let name = NAMES[usize::from(*choice) % NAMES.len()];
    if name == SYSTEM {
        fs::write(folder.join(WORLD), "1 0 0 -1 0 0").expect("a world file");
    }
    fs::write(folder.join(name), text).expect("a file beside the image");
    let source = Source::open(&[folder.join(IMAGE)]).expect("the image itself is whole");
    let header = source.header();
    assert!(matches!(header.metadata.rpc.len(), 0 | 92));
    assert_eq!((header.descriptions.len(), header.metadata.colours.len()), (header.bands, header.bands));
    let _ = (header.geo.affine(), header.geo.epsg(), source.read_all());
});
