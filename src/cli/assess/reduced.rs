//! `trapan assess --truth`: judging by a known truth.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::json;
use trapan::quality::{self, BLOCK, PixelErrors, Planar, QualityError, ReducedScores, TruthSetup};
use trapan::scene;
use trapan::tiff::{Source, Window};

use super::maps::Maps;
use super::{AssessArgs, SCHEMA, constant, misplaced, size};
use crate::cli::terminal::{self, out};
use crate::cli::{CliError, Talk};

/// Quotient of the levels of two images in one unit. Another bit depth makes a factor of 2 at least; what the
/// classical methods make of five real pairs lies between 0.94 and 1.02.
const SAME_UNIT: RangeInclusive<f64> = 0.67..=1.5;

pub(super) fn run(args: &AssessArgs, truth: &Path, talk: Talk) -> Result<(), CliError> {
    let (truth, fused) = (Source::open(&[truth])?, Source::open(&[&args.fused])?);
    let mut warnings: Vec<String> = misplaced(fused.header(), truth.header(), [0; 2]).into_iter().collect();
    let ranges = quality::ranges(&truth)?;
    warnings.extend(constant("the truth", &ranges));
    let highest = ranges.iter().map(|[_, high]| *high).fold(f64::NEG_INFINITY, f64::max) as f32;
    let peak = scene::peak(truth.header(), highest, args.bit_depth)?.into();
    let setup = TruthSetup { ratio: args.ratio, peak, cut: !args.whole };
    let [height, width, _] = truth.size();
    let [top, left, bottom, right] = setup.window([height, width]);
    let window = Window { x: left, y: top, width: right - left, height: bottom - top };

    let scores = if let Some(folder) = &args.maps {
        let read: Vec<PathBuf> = truth.header().files().chain(fused.header().files()).cloned().collect();
        let maps = Maps::create(folder, &["sam", "error", "q2n"], &read, args.overwrite)?;
        let geo = truth.header().geo.part(window);
        let mut pixels = maps.pixels("", [window.height, window.width], &geo)?;
        let mut add = |rows: PixelErrors| -> Result<(), QualityError> { pixels.add(&rows) };
        let (scores, blocks) = quality::reduced_maps(&truth, &fused, &setup, &mut add)?;
        pixels.finish()?;
        let size = [window.height.div_ceil(BLOCK), window.width.div_ceil(BLOCK)];
        maps.write("q2n", size, geo.coarser(BLOCK), &blocks)?;
        scores
    } else {
        quality::reduced(&truth, &fused, &setup)?
    };
    if !SAME_UNIT.contains(&scores.level) {
        warnings.push(format!(
            "the values of the fused image are {:.3} times those of the truth (root mean square): bring both to one unit",
            scores.level
        ));
    }
    warnings.iter().for_each(|warning| talk.say(format_args!("warning: {warning}")));
    if args.json {
        let report = json!({
            "schema": SCHEMA,
            "truth": truth.header().path.to_string_lossy(),
            "fused": args.fused.to_string_lossy(),
            "ratio": args.ratio,
            "peak": peak,
            "window": { "x": window.x, "y": window.y, "width": window.width, "height": window.height },
            "scores": scores,
            "warnings": warnings,
        });
        terminal::json(&report);
    } else {
        out!("{} ({}) by {}", args.fused.display(), size(fused.header()), truth.header().path.display());
        table(&scores, &setup, window, truth.header().bands);
    }
    Ok(())
}

fn table(scores: &ReducedScores, setup: &TruthSetup, window: Window, bands: usize) {
    out!("{window}: {} pixels; {} invalid", scores.pixels, scores.pixels_left_out);
    out!("{} blocks of {BLOCK}x{BLOCK}; {} left out because of nodata", scores.blocks, scores.blocks_left_out);
    out!("");
    let lines = [
        (format!("Q{}", bands.next_power_of_two()), "1", scores.q2n),
        ("SAM, degrees".to_owned(), "0", scores.sam),
        (format!("ERGAS, ratio {}", setup.ratio), "0", scores.ergas),
        ("SCC, of Sobel edges".to_owned(), "1", scores.scc),
        (format!("PSNR, dB, peak {}", setup.peak), "", scores.psnr),
        ("SSIM".to_owned(), "1", scores.ssim),
        ("Q, sliding".to_owned(), "1", scores.q_avg),
        ("RMSE, DN".to_owned(), "0", scores.rmse),
    ];
    out!("{:26} {:>6} {:>10}", "index", "best", "value");
    for (what, best, value) in lines {
        out!("{what:26} {best:>6} {value:>10.4}");
    }
}
