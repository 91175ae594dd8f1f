//! Creation options: what they change in the file, and which there are not.

use std::fs;

use trapan::tiff::{CogWriter, Creation, ErrorClass, Layout, Sample, Source, TiffError, Window};

use crate::fixture::{SAMPLES, parse, scene};
use crate::tiff::cog::{bytes, directories};

#[test]
fn every_compression_and_predictor_reads_back() {
    let size = [530, 300];
    for sample in SAMPLES {
        let data = scene(sample, [size[0], size[1], 3]);
        let layout = Layout::new(size, 3, sample);
        for compress in ["NONE", "LZW", "DEFLATE", "ZSTD", "PACKBITS"] {
            for predictor in ["YES", "NO", "STANDARD", "FLOATING_POINT"] {
                if predictor == "FLOATING_POINT" && sample != Sample::F32 {
                    continue;
                }
                let options = [&format!("COMPRESS={compress}"), &format!("PREDICTOR={predictor}")[..]];
                let file = bytes(&layout, &data, None, &options);
                assert!(parse(&file, "f.tif").unwrap().data == data, "{sample} {options:?}");
                let predicted = directories(&file)[0].get(317).first().copied().unwrap_or(1);
                let wanted = match (compress, predictor, sample) {
                    ("NONE" | "PACKBITS", ..) | (_, "NO", _) => 1,
                    (_, "STANDARD", _) => 2,
                    (_, _, Sample::F32) => 3,
                    _ => 2,
                };
                assert_eq!(predicted, wanted, "{sample} {options:?}");
            }
        }
    }
}

#[test]
fn options_do_what_they_say() {
    let size = [1300, 1100];
    let data = scene(Sample::U16, [size[0], size[1], 1]);
    let layout = Layout::new(size, 1, Sample::U16);
    let file = |options: &[&str]| bytes(&layout, &data, None, options);
    let length = |options: &[&str]| file(options).len();
    assert!(length(&["LEVEL=9"]) < length(&["level=1", "compress=deflate"]));
    assert!(length(&["COMPRESS=ZSTD", "LEVEL=15"]) < length(&["LEVEL=1", "COMPRESS=ZSTD"]));
    assert_eq!(
        file(&[]),
        file(&["COMPRESS=DEFLATE", "PREDICTOR=2", "BLOCKSIZE=512", "BIGTIFF=IF_SAFER", "OVERVIEWS=AUTO"])
    );
    assert_eq!(directories(&file(&["OVERVIEWS=NONE"])).len(), 1);
    assert_eq!(directories(&file(&["BLOCKSIZE=1024"]))[0].get(322), [1024]);
    assert_eq!(directories(&file(&["BLOCKSIZE=4096"]))[0].get(323), [1104], "no larger than the image needs");
    for (option, version) in [("YES", 43), ("NO", 42), ("IF_NEEDED", 42), ("IF_SAFER", 42)] {
        assert_eq!(file(&[&format!("BIGTIFF={option}")])[2], version);
    }
}

#[test]
fn wide_offsets_come_in_time() {
    // 2.1 GB before compression, all one value.
    let layout = Layout::new([8192, 8192], 8, Sample::F32);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.tif");
    let creation = Creation::parse(&["COMPRESS=ZSTD", "LEVEL=1", "PREDICTOR=NO", "OVERVIEWS=NONE"]).unwrap();
    let mut file = CogWriter::create(&path, &layout, &creation, false).unwrap();
    let rows = vec![3.25; 512 * 8192 * 8];
    for _ in 0..16 {
        file.write_rows(&rows, None).unwrap();
    }
    file.finish().unwrap();
    let file = fs::read(&path).unwrap();
    assert!(file[2] == 43 && file.len() < 1 << 20);
    let last = Window { x: 8190, y: 8191, width: 2, height: 1 };
    assert_eq!(Source::open(&[path]).unwrap().read(last).unwrap().data, [3.25; 16]);
}

#[test]
fn wrong_options_are_named_with_those_there_are() {
    for (options, why) in [
        (vec!["COMPRESS"], "KEY=VALUE"),
        (vec!["COMPRESS=JPEG"], "compression"),
        (vec!["TILED=YES"], "unknown key"),
        (vec!["PREDICTOR=4"], "predictor"),
        (vec!["BLOCKSIZE=0"], "16 to 4096"),
        (vec!["BLOCKSIZE=100"], "multiple of 16"),
        (vec!["BLOCKSIZE=8192"], "16 to 4096"),
        (vec!["BIGTIFF=MAYBE"], "choice"),
        (vec!["OVERVIEWS=5"], "choice"),
        (vec!["NUM_THREADS=0"], "1 to 1024"),
        (vec!["LEVEL=0"], "1 to 22"),
        (vec!["LEVEL=13"], "1 to 12"),
        (vec!["LEVEL=3", "COMPRESS=LZW"], "only DEFLATE and ZSTD"),
    ] {
        let error = Creation::parse(&options).expect_err("no such option");
        let text = error.to_string();
        assert!(text.contains(why) && text.contains("BIGTIFF=YES|NO|IF_NEEDED|IF_SAFER"), "{text}");
        assert!(options.contains(&&error.option[..]));
        assert_eq!(TiffError::from(error).kind(), ErrorClass::Usage);
    }
    let floating = Creation::parse(&["PREDICTOR=FLOATING_POINT"]).unwrap();
    let path = tempfile::tempdir().unwrap().path().join("f.tif");
    let error = CogWriter::create(&path, &Layout::new([9, 9], 1, Sample::U16), &floating, false).err().unwrap();
    assert!(error.kind() == ErrorClass::Usage && error.to_string().contains("u16"), "{error}");
}
