//! VRTs: as GDAL reads them, as images among others, and refused.

use std::fs;

use trapan::tiff::{Raster, Source, TiffError, Window};

use super::{Parts, band, source};
use crate::support::{memory::largest_request, skipped};

#[test]
fn vrts_are_read_as_by_gdal() {
    let parts = Parts::new();
    if !parts.run("gdal_translate --version") {
        return skipped("VRTs against GDAL's own reading: gdal_translate is not here");
    }
    for (line, bands) in [
        ("gdalbuildvrt -q -separate in.vrt b1.tif b2.tif b3.tif", 3),
        ("gdalbuildvrt -q in.vrt left.tif right.tif", 3),
        ("gdalbuildvrt -q -vrtnodata 9 in.vrt right.tif left.tif", 3),
        ("gdalbuildvrt -q in.vrt plain_left.tif plain_right.tif", 3),
        ("gdalbuildvrt -q in.vrt masked_left.tif masked_right.tif", 3),
        ("gdalbuildvrt -q -te 500004 3999980 500060 3999996 in.vrt left.tif right.tif", 3),
        ("gdalbuildvrt -q in.vrt clear.tif", 3),
        ("gdal_translate -q -of VRT -a_nodata 7 -b 3 -b 1 -b 1 left.tif in.vrt", 3),
        ("gdal_translate -q -of VRT -a_nodata none left.tif in.vrt", 3),
        ("gdal_translate -q -of VRT -srcwin 5 3 9 8 -ot Float32 b2.tif in.vrt", 1),
        ("gdal_translate -q -of VRT -a_nodata nan real.tif in.vrt", 3),
        (
            "mkdir -p sub; cp left.tif right.tif sub; gdalbuildvrt -q sub/a.vrt sub/left.tif sub/right.tif && gdalbuildvrt -q in.vrt sub/a.vrt",
            3,
        ),
    ] {
        let _ = fs::remove_file(parts.path("in.vrt"));
        assert!(parts.run(&format!("{line} && gdal_translate -q in.vrt plain.tif")), "{line}");
        let (found, wanted) = (parts.read("in.vrt"), parts.read("plain.tif"));
        let place = |image: &Raster| (image.size(), image.sample, image.geo.affine(), image.geo.epsg());
        assert_eq!(place(&found), place(&wanted), "{line}");
        assert_eq!((found.bands, found.alpha), (bands, wanted.alpha), "{line}");
        assert!(found.nodata == wanted.nodata || wanted.nodata.is_some_and(f64::is_nan), "{line}");
        let valid = |image: &Raster, i: usize| image.valid.as_ref().is_none_or(|valid| valid[i]);
        let mut compared = 0;
        for (i, (own, theirs)) in found.data.chunks(bands).zip(wanted.data.chunks(bands)).enumerate() {
            // What no part covers GDAL takes for a value if none stands for no data.
            let bare = found.nodata.is_none() && theirs.iter().all(|v| *v == 0.0);
            assert!(valid(&found, i) == valid(&wanted, i) || bare, "{line}: pixel {i}");
            assert!(own == theirs || !valid(&found, i), "{line}: pixel {i}: {own:?} {theirs:?}");
            compared += usize::from(valid(&found, i));
        }
        assert!(2 * compared > found.data.len() / bands, "{line}: {compared}");
        // A window is the same part of all.
        let window = Window { x: 3, y: 2, width: found.width - 4, height: found.height - 3 };
        let part = parts.open("in.vrt").unwrap().read(window).unwrap();
        assert!(part.data == found.block(window).data, "{line}");
    }
}

#[test]
fn vrts_are_images_like_others() {
    let parts = Parts::new();
    let two = [("b1.tif", "Blue"), ("b2.tif", "")]
        .map(|(file, name)| band("Int16", &format!("<Description>{name}</Description>{}", source(file, ""))));
    parts.vrt(&two.concat());
    let paths = ["in.vrt", "b3.tif"].map(|name| parts.path(name));
    let mut stack = Source::open(&paths).unwrap();
    let header = stack.header();
    assert_eq!((header.bands, header.descriptions[0].as_deref()), (3, Some("Blue")));
    assert_eq!(
        header.files().cloned().collect::<Vec<_>>(),
        ["in.vrt", "b1.tif", "b2.tif", "b3.tif"].map(|n| parts.path(n))
    );
    let all = stack.read_all().unwrap();
    let [b1, b3] = ["b1.tif", "b3.tif"].map(|name| parts.read(name));
    stack.choose(&["3", "Blue"]).unwrap();
    let some = stack.read_all().unwrap();
    let pairs = b3.data.iter().zip(&b1.data).flat_map(|(a, b)| [*a, *b]).collect::<Vec<_>>();
    assert!(some.data == pairs && all.data.len() == 3 * b1.data.len());
    // Nodata that the user knows, in the parts too.
    stack.set_nodata(Some(f64::from(b3.data[40])));
    assert!(!stack.read_all().unwrap().valid.unwrap()[40]);
    // An absolute name, and a part that lies beyond the edge.
    let moved = "<SrcRect xOff=\"-2\" yOff=\"0\" xSize=\"24\" ySize=\"18\"/><DstRect xOff=\"4\" yOff=\"1\" xSize=\"24\" ySize=\"18\"/>";
    let absolute = source(&parts.path("b1.tif").display().to_string(), moved).replace("relativeToVRT=\"1\"", "");
    parts.vrt(&band("Int16", &absolute));
    let found = parts.read("in.vrt");
    assert_eq!((found.data[24 + 6], found.data[17 * 24 + 23]), (b1.data[0], b1.data[16 * 24 + 17]));
    assert_eq!(found.valid.unwrap().iter().filter(|valid| **valid).count(), 17 * 18);
}

#[test]
fn vrts_that_cannot_be_read_say_why() {
    let parts = Parts::new();
    let simple = |more: &str| band("Int16", &source("b1.tif", more));
    let complex = |more: &str| simple(more).replace("SimpleSource", "ComplexSource");
    let rectangle =
        |kind: &str, x: &str, size: &str| format!("<{kind} xOff=\"{x}\" yOff=\"0\" xSize=\"{size}\" ySize=\"18\"/>");
    let fixed = format!("gdal_translate {}", parts.path("in.vrt").display());
    for (bands, words) in [
        (simple("<Oops/>"), &["Oops of a part", &fixed][..]),
        (complex("<ScaleOffset>1</ScaleOffset>"), &["ScaleOffset", &fixed]),
        (complex("<LUT>0:1,2:3</LUT>"), &["LUT", &fixed]),
        (simple("").replace("SimpleSource", "KernelFilteredSource"), &["a KernelFilteredSource", &fixed]),
        (simple(&rectangle("SrcRect", "0", "12")), &["resampling to 24x18 from 12x18 pixels", "b1.tif", &fixed]),
        (simple(&rectangle("DstRect", "0.5", "24")), &["between pixels", "0.5", &fixed]),
        (simple(&rectangle("DstRect", "nan", "24")), &["xOff \"nan\""]),
        (simple(&rectangle("DstRect", "1e300", "24")), &["xOff \"1e300\""]),
        (simple(&[rectangle("SrcRect", "90", "24"), rectangle("DstRect", "0", "24")].concat()), &["shows nothing"]),
        (
            simple("").replace("dataType", "subClass=\"VRTDerivedRasterBand\" dataType"),
            &["VRTDerivedRasterBand", &fixed],
        ),
        (band("Float64", &source("b1.tif", "")), &["Float64 data", "-ot Float32"]),
        (band("Byte", &source("b1.tif", "")), &["i16 of", "as u8", &fixed]),
        (simple("") + &band("Byte", &source("masked_left.tif", "")), &["i16 beside bands of u8", "-ot Float32"]),
        (simple("").replace("SourceBand>1<", "SourceBand>2<"), &["names band 2", "which has 1"]),
        (simple("").replace("SourceBand>1<", "SourceBand>mask,1<"), &["band mask,1", &fixed]),
        (simple("").replace(">b1.tif<", ">/vsizip/a.zip/b.tif<"), &["no file of its own", &fixed]),
        (simple("").replace(">b1.tif<", ">gone.tif<"), &["names", "gone.tif, which is not there", "again"]),
        (simple("").replace(">b1.tif<", "><"), &["without a name"]),
        (band("Int16", ""), &["a band without parts"]),
        (String::new(), &["has no band"]),
        (band("Byte", &source("clear.tif", "").replace(">1<", ">4<")), &["band 1, transparency", &fixed]),
        (
            simple("")
                + "<MaskBand><VRTRasterBand dataType=\"Byte\">"
                + &source("b2.tif", "")
                + "</VRTRasterBand></MaskBand>",
            &["a mask", &fixed],
        ),
        (simple("<SrcRect"), &["is broken", "again"]),
        (simple("").replace("b1.tif", "in.vrt"), &["names itself among its parts"]),
    ] {
        parts.vrt(&bands);
        parts.refused("in.vrt", words);
    }
    for (head, words) in [
        ("rasterXSize=\"0\" rasterYSize=\"18\"", &["rasterXSize 0"][..]),
        ("rasterYSize=\"18\"", &["rasterXSize (none)"]),
        ("rasterXSize=\"3000000000\" rasterYSize=\"18\"", &["rasterXSize 3000000000"]),
        ("rasterXSize=\"24\" rasterYSize=\"18\" subClass=\"VRTWarpedDataset\"", &["VRTWarpedDataset", &fixed]),
    ] {
        fs::write(parts.path("in.vrt"), format!("<VRTDataset {head}>{}</VRTDataset>", simple(""))).unwrap();
        parts.refused("in.vrt", words);
    }
    // A file within that is no TIFF: the whole is to be converted, not the part.
    fs::write(parts.path("b1.jp2"), b"\0\0\0\x0cjP  ").unwrap();
    parts.vrt(&simple("").replace("b1.tif", "b1.jp2"));
    parts.refused("in.vrt", &["b1.jp2", "JPEG 2000", &fixed]);
    // A circle of two, and a ladder without an end.
    let names = |from: &str, to: &str| {
        parts.vrt(&simple("").replace("b1.tif", to));
        fs::rename(parts.path("in.vrt"), parts.path(from)).unwrap();
    };
    names("b.vrt", "in.vrt");
    parts.vrt(&simple("").replace("b1.tif", "b.vrt"));
    parts.refused("in.vrt", &["names itself"]);
    (0..12).for_each(|i| names(&format!("{i}.vrt"), &format!("{}.vrt", i + 1)));
    names("12.vrt", "b1.tif");
    let deep = parts.open("3.vrt").map(drop).unwrap_err().to_string();
    assert!(deep.contains("11.vrt: the VRT is the 9th within others"), "{deep}");
    assert_eq!(parts.read("5.vrt").data, parts.read("b1.tif").data);
}

/// An image larger than anything its parts could hold.
#[test]
fn vrts_claim_no_memory() {
    let parts = Parts::new();
    let text = band(
        "Int16",
        &source(
            "b1.tif",
            "<SrcRect xOff=\"0\" yOff=\"0\" xSize=\"24\" ySize=\"18\"/><DstRect xOff=\"0\" yOff=\"0\" xSize=\"24\" ySize=\"18\"/>",
        ),
    );
    let text = format!("<VRTDataset rasterXSize=\"2147483647\" rasterYSize=\"2147483647\">{text}</VRTDataset>");
    fs::write(parts.path("in.vrt"), text).unwrap();
    let (found, largest) = largest_request(|| parts.open("in.vrt").unwrap().read_all().map(drop));
    assert!(matches!(found, Err(TiffError::Damaged { .. })) && largest < 1 << 16, "{found:?}, {largest}");
    let corner = parts.open("in.vrt").unwrap().read(Window { x: 0, y: 0, width: 24, height: 18 }).unwrap();
    assert!(corner.data == parts.read("b1.tif").data && corner.valid.is_none());
}
