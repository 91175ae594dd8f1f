//! Files that list others as their parts, VRT and DIMAP: whatever is in them, they give an image or an error.

mod dimap;
mod vrt;

use std::{fs, path::PathBuf, process::Command};

use proptest::prelude::*;
use tempfile::TempDir;
use trapan::tiff::{ErrorClass, Raster, Sample, Source, TiffError, Window};

use crate::fixture::{Fixture, scene};
use crate::support::memory::largest_request;
use dimap::{dimap, tiles};

/// Tiles and bands of three shapes, some with nodata, mask or transparency.
struct Parts(TempDir);

impl Parts {
    fn new() -> Self {
        let parts = Self(tempfile::tempdir().unwrap());
        let nodata = |file: Fixture| file.with(42113, 2, &[b'0'.into(), 0]);
        let mask = Some((0..24 * 18).map(|i| i % 7 > 0).collect());
        parts.put("left.tif", nodata(placed(Sample::U16, [24, 18, 3], [0, 0])), 5);
        parts.put("right.tif", nodata(placed(Sample::U16, [24, 18, 3], [16, 4])), 5);
        parts.put("plain_left.tif", placed(Sample::U16, [24, 18, 3], [0, 0]), 0);
        parts.put("plain_right.tif", placed(Sample::U16, [24, 18, 3], [30, 4]), 0);
        parts.put("masked_left.tif", placed(Sample::U8, [24, 18, 3], [0, 0]), 0);
        let masked = Fixture { mask, ..placed(Sample::U8, [24, 18, 3], [16, 0]) };
        parts.put("masked_right.tif", masked, 0);
        parts.put("clear.tif", placed(Sample::U8, [24, 18, 4], [0, 0]).with(338, 3, &[0, 0, 2]), 3);
        for band in ["b1.tif", "b2.tif", "b3.tif"] {
            parts.put(band, placed(Sample::I16, [24, 18, 1], [0, 0]), 0);
        }
        parts.put("real.tif", placed(Sample::F32, [24, 18, 3], [0, 0]), 4);
        parts
    }

    /// Writes a file with values of its own, of which those of the last band that `every` divides are 0: files show
    /// through each other band by band.
    fn put(&self, name: &str, file: Fixture, every: usize) {
        let [.., bands] = file.size;
        let mut data = scene(file.sample, file.size);
        data.rotate_left(name.bytes().map(usize::from).sum::<usize>() % 97);
        for (i, pixel) in data.chunks_mut(bands).enumerate() {
            let last = &mut pixel[bands - 1];
            match (bands, every) {
                (4, _) => *last = if i % 3 > 0 { 255.0 } else { 0.0 },
                (_, every) if every > 0 && i % every == 0 => *last = 0.0,
                _ => {}
            }
        }
        fs::write(self.path(name), file.bytes(&data)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a line of a shell among the files; false if GDAL is not here.
    fn run(&self, line: &str) -> bool {
        let ran = Command::new("sh").args(["-c", line]).current_dir(self.0.path()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success() || ran.status.code() == Some(127), "{line}: {said}");
        ran.status.success()
    }

    fn open(&self, name: &str) -> Result<Source, TiffError> {
        Source::open(&[self.path(name)])
    }

    fn read(&self, name: &str) -> Raster {
        self.open(name).and_then(|source| source.read_all()).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Writes a VRT of 24×18 pixels.
    fn vrt(&self, bands: &str) {
        let place = "<GeoTransform>500000, 2, 0, 4000000, 0, -2</GeoTransform>";
        let text = format!("<VRTDataset rasterXSize=\"24\" rasterYSize=\"18\">{place}{bands}</VRTDataset>");
        fs::write(self.path("in.vrt"), text).unwrap();
    }

    /// What is said of a list that cannot be read.
    fn refused(&self, name: &str, words: &[&str]) {
        let error = self.open(name).map(|_| ()).expect_err(&format!("{words:?}"));
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorClass::Input, "{text}");
        assert!(words.iter().all(|word| text.contains(word)) && text.contains(name), "{words:?} in {text}");
    }
}

/// A file in metres, its corner so many pixels from that of all.
fn placed(sample: Sample, size: [usize; 3], [x, y]: [usize; 2]) -> Fixture {
    let tie = [0.0, 0.0, 0.0, 5e5 + 2.0 * x as f64, 4e6 - 2.0 * y as f64, 0.0].map(f64::to_bits);
    let keys = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32630];
    let file = Fixture::new(sample, size).with(33550, 12, &[2f64.to_bits(), 2f64.to_bits(), 0]);
    file.with(33922, 12, &tie).with(34735, 3, &keys)
}

/// A source of a band, of all pixels unless they are given.
fn source(file: &str, more: &str) -> String {
    format!(
        "<SimpleSource><SourceFilename relativeToVRT=\"1\">{file}</SourceFilename><SourceBand>1</SourceBand>{more}</SimpleSource>"
    )
}

fn band(kind: &str, inner: &str) -> String {
    format!("<VRTRasterBand dataType=\"{kind}\">{inner}</VRTRasterBand>")
}

/// Pieces of lists, in any order and with numbers of any size.
fn shreds() -> impl Strategy<Value = String> {
    let attribute = prop::sample::select(vec![
        "0",
        "1",
        "24",
        "-3",
        "0.5",
        "2147483647",
        "1e99",
        "nan",
        "b1.tif",
        "in.vrt",
        "x",
        "mask",
    ]);
    let piece = prop::sample::select(vec![
        "<VRTRasterBand dataType=\"Int16\">",
        "</VRTRasterBand>",
        "<SimpleSource>",
        "</SimpleSource>",
        "<ComplexSource>",
        "</ComplexSource>",
        "<SourceFilename relativeToVRT=\"1\">b1.tif</SourceFilename>",
        "<SourceBand>@</SourceBand>",
        "<SrcRect xOff=\"@\" yOff=\"0\" xSize=\"24\" ySize=\"18\"/>",
        "<DstRect xOff=\"@\" yOff=\"@\" xSize=\"@\" ySize=\"18\"/>",
        "<NODATA>@</NODATA>",
        "<NoDataValue>@</NoDataValue>",
        "<ColorInterp>Alpha</ColorInterp>",
        "<MaskBand>",
        "</MaskBand>",
        "<SourceFilename>@</SourceFilename>",
        "<Data_Access>",
        "</Data_Access>",
        "<Data_Files>",
        "</Data_Files>",
        "&#@;",
        "<",
        "\0",
        "<Data_File tile_R=\"@\" tile_C=\"@\"><DATA_FILE_PATH href=\"b1.tif\"/></Data_File>",
    ]);
    let pieces = prop::collection::vec((piece, attribute.clone()), 0..16);
    (any::<bool>(), attribute, pieces).prop_map(|(vrt, size, pieces)| {
        let body: String = pieces.into_iter().map(|(piece, value)| piece.replace('@', value)).collect();
        match vrt {
            true => format!("<VRTDataset rasterXSize=\"{size}\" rasterYSize=\"18\">{body}</VRTDataset>"),
            false => format!("<Dimap_Document><Raster_Dimensions><NROWS>{size}</NROWS><NCOLS>24</NCOLS></Raster_Dimensions>{body}</Dimap_Document>"),
        }
    })
}

/// Reads a list among its parts: an image or an error, for no more memory than its parts are worth.
fn survives(parts: &Parts, text: &[u8]) -> Result<(), TestCaseError> {
    fs::write(parts.path("in.vrt"), text).unwrap();
    let (found, largest) = largest_request(|| {
        let source = parts.open("in.vrt")?;
        let [width, height] = source.header().size();
        source.read(Window { x: width / 2, y: height / 2, width: 1, height: 1 })?;
        source.read_all()
    });
    if let Ok(found) = found {
        prop_assert_eq!(found.data.len(), found.width * found.height * found.bands);
        prop_assert!(found.data.iter().all(|value| value.is_finite()));
    }
    prop_assert!(largest <= 1 << 25, "{largest} bytes asked for");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn odd_lists_never_panic(text in shreds()) {
        thread_local!(static PARTS: Parts = Parts::new());
        PARTS.with(|parts| survives(parts, text.as_bytes()))?;
    }

    #[test]
    fn damaged_lists_never_panic(
        dimap_file in any::<bool>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        thread_local!(static PARTS: Parts = Parts::new());
        let one = band("Int16", &source("b1.tif", "<DstRect xOff=\"0\" yOff=\"0\" xSize=\"24\" ySize=\"18\"/>"));
        let vrt = format!("<VRTDataset rasterXSize=\"24\" rasterYSize=\"18\">{one}</VRTDataset>");
        let mut bytes = if dimap_file { dimap(&tiles("RGB"), "") } else { vrt }.into_bytes();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        PARTS.with(|parts| survives(parts, &bytes))?;
    }
}
