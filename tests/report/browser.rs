//! The page in a real browser, without a window: Chromium, if it is here.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::skipped;

/// Makes a browser a must: set in continuous integration.
const REQUIRE: &str = "TRAPAN_REQUIRE_BROWSER";
/// Size of the window, px: high enough for all of the stage.
const WINDOW: [usize; 2] = [1280, 1300];

/// Runs in the page after its own script: where things lie, and what they do when they are used.
const PROBE: &str = r##"
"use strict";
(() => {
  const root = document.documentElement, found = {};
  const stage = document.getElementById("stage"), slider = document.getElementById("slider");
  const box = stage.getBoundingClientRect();
  found.stage = [box.left, box.top, box.width, box.height];
  found.wide = root.scrollWidth > innerWidth;
  found.broken = [...document.images].filter((i) => !i.complete || i.naturalWidth === 0).length;
  const seen = (selector) => getComputedStyle(document.querySelector(selector)).display !== "none";
  const state = () => ({
    split: stage.style.getPropertyValue("--split"), zoom: Number(stage.style.getPropertyValue("--zoom")),
    natural: seen("#stage .fused.natural"), infrared: seen("#stage .fused.infrared"),
    pan: seen("#stage .pan"), upsampled: seen("#stage .upsampled.natural"),
  });
  found.start = state();
  slider.value = 25;
  slider.dispatchEvent(new Event("input"));
  document.querySelector("input[value=infrared]").click();
  document.getElementById("in").click();
  found.used = state();
  stage.dispatchEvent(new KeyboardEvent("keydown", { key: "+" }));
  document.querySelector("input[value=pan]").click();
  found.keys = state();
  document.getElementById("fit").click();
  // A finger on the picture; a pointer that is not real cannot be captured.
  stage.setPointerCapture = () => {};
  const point = (type, x) => stage.dispatchEvent(new PointerEvent(type,
    { pointerId: 1, pointerType: "touch", clientX: box.left + x * box.width, clientY: box.top + 50 }));
  point("pointerdown", 0.5);
  point("pointermove", 0.75);
  point("pointerup", 0.75);
  point("pointermove", 0.1);
  found.dragged = state();
  root.dataset.found = JSON.stringify(found);
  parent.postMessage(JSON.stringify(found), "*");
})();
"##;

/// The browser, if one works here; else fails or says that the check was left out.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    // Not only there: on some systems the command is a stub that tells how to install it.
    let works = |name: &&&str| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|o| o.status.success() && String::from_utf8_lossy(&o.stdout).contains("Chrom"))
    };
    let found = names.iter().find(works).copied();
    if found.is_none() {
        assert!(std::env::var_os(REQUIRE).is_none(), "{REQUIRE} is set, but none of {names:?} works");
        skipped(&format!("the report page in a browser: none of {} works here", names.join(", ")));
    }
    found
}

/// A browser and a folder for its profile and its pictures.
struct Browser {
    name: &'static str,
    dir: TempDir,
}

impl Browser {
    fn run(&self, address: &str, [width, height]: [usize; 2], extra: &[&str]) -> Vec<u8> {
        let output = Command::new(self.name)
            // The sandbox needs rights that a container does not give; the page is our own.
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
            .args(["--no-first-run", "--force-device-scale-factor=1", "--virtual-time-budget=3000"])
            .arg(format!("--user-data-dir={}", self.dir.path().join("profile").display()))
            .arg(format!("--window-size={width},{height}"))
            .args(extra)
            .arg(address)
            .output()
            .expect("the browser starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{address}: {said}");
        output.stdout
    }

    /// The document after its scripts have run.
    fn document(&self, address: &str) -> String {
        String::from_utf8(self.run(address, WINDOW, &["--dump-dom"])).expect("UTF-8")
    }

    fn screenshot(&self, page: &Path, fragment: &str, dark: bool) -> Shot {
        let file = self.dir.path().join("shot.png");
        let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!dark));
        let address = format!("file://{}{fragment}", page.display());
        self.run(&address, WINDOW, &[&scheme, &format!("--screenshot={}", file.display())]);
        let shot = Shot::read(&std::fs::read(&file).expect("a screenshot"));
        std::fs::remove_file(&file).expect("it was there");
        shot
    }
}

/// A picture as red, green, blue.
struct Shot {
    width: usize,
    height: usize,
    rgb: Vec<[u8; 3]>,
}

impl Shot {
    fn read(png: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().expect("a PNG");
        let mut data = vec![0; reader.output_buffer_size().expect("fits")];
        let info = reader.next_frame(&mut data).expect("a frame");
        let samples = info.color_type.samples();
        let rgb = data.chunks_exact(samples).map(|p| if samples < 3 { [p[0]; 3] } else { [p[0], p[1], p[2]] });
        Self { width: info.width as usize, height: info.height as usize, rgb: rgb.collect() }
    }

    fn at(&self, x: f64, y: f64) -> [u8; 3] {
        self.rgb[(y as usize).min(self.height - 1) * self.width + (x as usize).min(self.width - 1)]
    }

    fn brightness(&self) -> f64 {
        self.rgb.iter().flatten().map(|v| f64::from(*v)).sum::<f64>() / (3 * self.rgb.len()) as f64
    }

    /// Mean difference of levels to a picture that fills the stage, `zoom` times enlarged around its middle. The
    /// stage's border, where labels and the line are, is left out.
    fn difference(&self, [left, top, width, height]: [f64; 4], picture: &Shot, zoom: f64) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for row in 0..picture.height {
            for column in 0..picture.width {
                let place = |i: usize, n: usize| ((i as f64 + 0.5) / n as f64 - 0.5) * zoom + 0.5;
                let (x, y) = (place(column, picture.width), place(row, picture.height));
                if (0.1..0.9).contains(&x) && (0.15..0.95).contains(&y) {
                    let (seen, wanted) =
                        (self.at(left + x * width, top + y * height), picture.rgb[row * picture.width + column]);
                    sum += seen.iter().zip(wanted).map(|(a, b)| f64::from(a.abs_diff(b))).sum::<f64>() / 3.0;
                    count += 1.0;
                }
            }
        }
        assert!(top + height < self.height as f64 && count > 100.0, "too little of the picture is seen");
        sum / count
    }
}

/// A page of a short run on a simulated pair, made by the program.
fn page(dir: &Path) -> PathBuf {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_trapan")).args(args).current_dir(dir).output().expect("starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["simulate", "-o", ".", "--size", "192", "--height", "160"]);
    let short = ["--epochs", "8", "--dam-epochs", "5", "--warm-up-epochs", "2", "--device", "cpu", "--width", "8"];
    let files = ["--pan", "pan.tif", "--ms", "ms.tif", "-o", "fused.tif", "--report", "a.html", "--report", "a.json"];
    run(&[&["fuse"], &files[..], &short, &["--quicklook", "looks", "--compare"]].concat());
    dir.join("a.html")
}

/// The pictures of the stage, from the page itself: upsampled and fused, in true colour.
fn stage_pictures(page: &str) -> [Shot; 2] {
    ["upsampled natural", "fused natural"].map(|class| {
        let start = format!("<img class=\"{class}\" src=\"data:image/png;base64,");
        let (_, rest) = page.split_once(&start).expect("the stage is the first to show it");
        let (data, _) = rest.split_once('"').expect("an end");
        Shot::read(&STANDARD.decode(data).expect("base64"))
    })
}

fn attribute(document: &str, name: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.replace("&quot;", "\""))
}

#[test]
fn a_browser_shows_the_page_and_the_slider_moves() {
    let dir = TempDir::new().expect("a temporary folder");
    let path = page(dir.path());
    let text = std::fs::read_to_string(&path).expect("the page is there");
    super::html::check(&text);
    let parts = ["Degradation network", "warm-up", "kept", "Settings", "The MTF of sensor generic is not known"];
    for part in parts.into_iter().chain(["Comparison of methods", "Map: Spatial distortion Ds, gsa"]) {
        assert!(text.contains(part), "{part} is not on the page");
    }
    assert!(dir.path().join("looks/fused.png").exists() && dir.path().join("a.json").exists());
    let Some(name) = browser() else { return };
    let browser = Browser { name, dir: TempDir::new().expect("a temporary folder") };

    // The script runs to its end without an error, also on a phone, where nothing is wider than the screen.
    let probed = dir.path().join("probed.html");
    let with_probe = text.replace("</body>", &format!("<script>{PROBE}</script></body>"));
    std::fs::write(&probed, with_probe).expect("writable");
    let document = browser.document(&format!("file://{}", probed.display()));
    assert_eq!(attribute(&document, "data-ready").as_deref(), Some("true"), "the script did not end");
    assert_eq!(attribute(&document, "data-error"), None);
    let found: Value = serde_json::from_str(&attribute(&document, "data-found").expect("the probe ran")).expect("JSON");
    check_probe(&found);
    let phone = dir.path().join("phone.html");
    let frame = r#"<iframe src="probed.html" width="360" height="640"></iframe><script>
        addEventListener("message", (e) => { document.documentElement.dataset.found = e.data; });</script>"#;
    std::fs::write(&phone, frame).expect("writable");
    let document = browser.document(&format!("file://{}", phone.display()));
    let small: Value = serde_json::from_str(&attribute(&document, "data-found").expect("the probe ran")).expect("JSON");
    check_probe(&small);

    // What is seen: both themes, and either picture all over the stage, by the page's own links.
    let [light, dark] = [false, true].map(|dark| browser.screenshot(&path, "#slider=0", dark));
    assert!(light.brightness() > dark.brightness() + 20.0, "{} {}", light.brightness(), dark.brightness());
    let ink = light.rgb.iter().collect::<std::collections::BTreeSet<_>>().len();
    assert!(ink > 1000, "{ink} colours: an empty page");
    let stage: Vec<f64> = serde_json::from_value(found["stage"].clone()).expect("four numbers");
    let stage = <[f64; 4]>::try_from(stage).expect("four numbers");
    let [upsampled, fused] = stage_pictures(&text);
    let before = browser.screenshot(&path, "#slider=100", false);
    let zoomed = browser.screenshot(&path, "#slider=0&zoom=4", false);
    for (what, shot, shown, other, zoom) in [
        ("fused", &light, &fused, &upsampled, 1.0),
        ("fused in the dark", &dark, &fused, &upsampled, 1.0),
        ("upsampled", &before, &upsampled, &fused, 1.0),
        ("fused, enlarged", &zoomed, &fused, &upsampled, 4.0),
    ] {
        let [near, far] = [shown, other].map(|picture| shot.difference(stage, picture, zoom));
        assert!(near < 6.0 && far > 2.0 * near, "{what}: {near:.1} levels off, {far:.1} from the other picture");
    }
}

/// What the probe must have found.
#[track_caller]
fn check_probe(found: &Value) {
    assert_eq!(found["wide"], false, "the page is wider than its window");
    assert_eq!(found["broken"], 0, "pictures that do not show");
    let state = |split: &str, zoom: i32, infrared: bool, pan: bool| {
        serde_json::json!({ "split": split, "zoom": zoom, "natural": !infrared, "infrared": infrared,
            "pan": pan, "upsampled": !pan && !infrared })
    };
    assert_eq!(found["start"], state("50%", 1, false, false));
    assert_eq!(found["used"], state("25%", 2, true, false), "slider, colour, button");
    assert_eq!(found["keys"], state("25%", 4, true, true), "key and the other picture");
    assert_eq!(found["dragged"], state("75%", 1, true, true), "a finger");
}
