//! A TIFF of any bytes: opened, read whole and by a window.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trapan::tiff::{Source, Window};

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut source) = Source::from_bytes(bytes.to_vec(), "fuzz.tif".as_ref()) else { return };
    source.limit_memory(64 << 20);
    let [width, height] = source.header().size();
    let window = Window { x: width / 2, y: height / 2, width: 1, height: 1 };
    if let Ok(block) = source.read(window) {
        assert_eq!(block.data.len(), source.header().bands);
    }
    // As much as a small machine holds.
    if width.saturating_mul(height).saturating_mul(source.header().bands) < 1 << 24 {
        let _ = source.read_all();
    }
});
