//! STAC items: as input, and beside the result.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use trapan::tiff::{Creation, Layout, read, write};

use crate::cli::program::{Pair, ok, refused};
use crate::fixture::utm;

const FAST: [&str; 4] = ["--method", "brovey", "--device", "cpu"];

/// A pair whose images have a place, with an item that names them.
fn placed() -> Pair {
    let pair = Pair::new(&["--size", "64"]);
    for (name, factor) in [("pan.tif", 1), ("ms.tif", 4)] {
        let path = pair.path(name);
        let image = read(Path::new(&path)).expect("an image");
        let header = &image.header;
        let layout = Layout { geo: utm().coarser(factor), ..Layout::fused(header, header) };
        write(Path::new(&path), &layout, &image.data, None, &Creation::default(), true).expect("it can be written");
    }
    let band = |name: &str| json!({ "name": name, "eo:common_name": name });
    let bands = ["blue", "green", "red", "nir"].map(band);
    let item = json!({
        "type": "Feature", "id": "place",
        "properties": { "datetime": null, "start_datetime": "2024-05-01T10:20:30Z", "end_datetime": "2024-05-01T10:20:35Z" },
        "assets": {
            "pan": { "href": "./pan.tif", "bands": [band("pan")] },
            "ms": { "href": "ms.tif", "bands": bands },
        },
    });
    fs::write(pair.path("place.json"), item.to_string()).expect("it can be written");
    pair
}

fn item(path: &str) -> Value {
    serde_json::from_slice(&fs::read(path).expect("an item")).expect("JSON")
}

/// West, south, east, north of the image, its sides included, by pyproj.
const BBOX: [f64; 4] = [-3.5655738625078204, 40.510618460026954, -3.5640533977297264, 40.51177894070526];

#[test]
fn a_result_has_an_item_of_its_place_time_and_bands() {
    let pair = placed();
    let out = pair.path("out.tif");
    ok(&[&["fuse", &pair.path("place.json"), "-o", &out, "--stac"], &FAST[..]].concat());
    let written = item(&pair.path("out.json"));
    crate::cli::schemas::fits("item", written.to_string().as_bytes());
    let properties = &written["properties"];
    assert_eq!((&properties["datetime"], &properties["end_datetime"]), (&Value::Null, &json!("2024-05-01T10:20:35Z")));
    assert_eq!((&properties["proj:code"], &properties["proj:shape"]), (&json!("EPSG:32630"), &json!([64, 64])));
    assert_eq!(properties["proj:transform"], json!([2.0, 0.0, 452085.0, 0.0, -2.0, 4484715.0]));
    // 452085 to 452213 east, 4484587 to 4484715 north, in EPSG:32630.
    let bbox: Vec<f64> = serde_json::from_value(written["bbox"].clone()).expect("numbers");
    for (found, wanted) in bbox.iter().zip(BBOX) {
        assert!((found - wanted).abs() < 1e-7, "{bbox:?}");
    }
    let [input, over] = ["place.json", "place.tif"].map(|name| pair.path(name));
    refused(&[&["fuse", &input, "-o", &over, "--stac"], &FAST[..]].concat(), 8, &["place.json", "an input"]);
    let asset = &written["assets"]["pansharpened"];
    let image = fs::read(&out).expect("an image");
    assert_eq!(asset["file:size"], image.len());
    let sha256 = trapan::tiff::sha256(Path::new(&out)).expect("a file");
    assert_eq!(asset["file:checksum"], format!("1220{sha256}"));
    assert_eq!(asset["href"], "./out.tif");
    let link = written["links"][0]["href"].as_str().expect("a link");
    assert!(link.ends_with("place.json") && Path::new(link).is_absolute());
}

#[test]
fn without_a_time_there_is_no_item_and_nothing_is_written() {
    let pair = placed();
    let (pan, ms, out) = (pair.path("pan.tif"), pair.path("ms.tif"), pair.path("out.tif"));
    let fuse = [&["fuse", &pan, &ms, "-o", &out, "--stac"], &FAST[..]].concat();
    refused(&fuse, 3, &["when it was taken", "--datetime"]);
    assert!(!Path::new(&out).exists());
    refused(&[&fuse[..], &["--datetime", "yesterday"]].concat(), 2, &["2024-05-01T10:20:30Z"]);
    let given = [&fuse[..], &["--datetime", "2024-05-01T10:20:30Z"]].concat();
    ok(&given);
    assert_eq!(item(&pair.path("out.json"))["properties"]["datetime"], "2024-05-01T10:20:30Z");
    refused(&given, 8, &["out.tif", "exists"]);
}
