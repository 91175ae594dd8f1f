//! `trapan simulate`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use trapan::method::config::Sensor;
use trapan::simulate::{Spec, Variation, simulate_seen};
use trapan::tiff::{check_output, create_folder, write_atomically};

use super::{CliError, Talk};

/// Arguments of `simulate`.
#[derive(Args)]
pub(super) struct SimulateArgs {
    /// Folder for pan.tif, ms.tif and truth.tif
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace existing files
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    scene: SceneArgs,
    /// Sensor whose MTF degrades the truth
    #[arg(long, default_value = "generic", value_parser = PossibleValuesParser::new(Sensor::NAMES)
        .map(|name| serde_json::from_value::<Sensor>(name.into()).expect("every listed name is a sensor")))]
    sensor: Sensor,
    /// Seed: another number, another place
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// So many places, each in a folder of its own, and pairs.jsonl, which lists them for `trapan train`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: Option<u32>,
    /// Let light, haze, season, noise, sharpness and the lie of PAN vary, and with --count the sensor
    #[arg(long)]
    vary: bool,
}

/// What place to simulate.
#[derive(Args)]
pub(super) struct SceneArgs {
    /// Columns and rows of PAN
    #[arg(long, default_value_t = 256, value_name = "PIXELS")]
    size: usize,
    /// Rows of PAN, if not square
    #[arg(long, value_name = "PIXELS")]
    height: Option<usize>,
    /// 4 (B, G, R, NIR) or 8 (WorldView)
    #[arg(long, default_value_t = 4, value_name = "N")]
    bands: usize,
    /// PAN pixels per MS pixel: 2, 4 or 8
    #[arg(long, default_value = "4", value_parser = PossibleValuesParser::new(["2", "4", "8"])
        .map(|ratio| ratio.parse::<usize>().expect("every listed ratio is a number")))]
    ratio: usize,
}

impl SceneArgs {
    /// The whole specification.
    pub(super) fn spec(&self, sensor: Sensor, seed: u64) -> Spec {
        let size = [self.size, self.height.unwrap_or(self.size)];
        Spec { size, bands: self.bands, ratio: self.ratio, sensor, seed }
    }
}

/// Runs `simulate`.
pub(super) fn run(args: &SimulateArgs, talk: Talk) -> Result<(), CliError> {
    let Some(count) = args.count else {
        one(args, args.sensor, args.seed, &args.output)?;
        talk.say(format_args!("wrote pan.tif, ms.tif and truth.tif into {}", args.output.display()));
        return Ok(());
    };
    let list = args.output.join("pairs.jsonl");
    create_folder(&args.output)?;
    check_output(&list, args.overwrite)?;
    let mut lines = String::new();
    for i in 0..count {
        let (name, seed) = (format!("{i:05}"), args.seed.wrapping_add(u64::from(i)));
        let sensor = if args.vary { Variation::sensor(args.scene.bands, seed) } else { args.sensor };
        one(args, sensor, seed, &args.output.join(&name))?;
        let file = |image: &str| format!("{name}/{image}.tif");
        let [pan, ms, truth] = ["pan", "ms", "truth"].map(file);
        let entry = serde_json::json!({ "pan": pan, "ms": ms, "truth": truth, "sensor": sensor });
        lines += &format!("{entry}\n");
        talk.detail(format_args!("wrote {name}: {sensor}, seed {seed}"));
    }
    write_atomically(&list, args.overwrite, |file| file.write_all(lines.as_bytes()))?;
    talk.say(format_args!("wrote {count} places and pairs.jsonl into {}", args.output.display()));
    Ok(())
}

/// Simulates one place.
fn one(args: &SimulateArgs, sensor: Sensor, seed: u64, folder: &Path) -> Result<(), CliError> {
    let spec = args.scene.spec(sensor, seed);
    let seen = if args.vary { Variation::draw(spec.bands, seed) } else { Variation::none(spec.bands) };
    Ok(simulate_seen(&spec, &seen)?.write(folder, args.overwrite)?)
}
