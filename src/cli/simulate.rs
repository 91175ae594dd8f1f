//! `trapan simulate`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use trapan::method::config::Sensor;
use trapan::simulate::{Spec, simulate};

use super::{CliError, Talk};

/// Arguments of `simulate`.
#[derive(Args)]
pub struct SimulateArgs {
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
}

/// What place to simulate.
#[derive(Args)]
pub struct SceneArgs {
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
    pub fn spec(&self, sensor: Sensor, seed: u64) -> Spec {
        let size = [self.size, self.height.unwrap_or(self.size)];
        Spec { size, bands: self.bands, ratio: self.ratio, sensor, seed }
    }
}

/// Runs `simulate`.
pub fn run(args: &SimulateArgs, talk: Talk) -> Result<(), CliError> {
    simulate(&args.scene.spec(args.sensor, args.seed))?.write(&args.output, args.overwrite)?;
    talk.say(format_args!("wrote pan.tif, ms.tif and truth.tif into {}", args.output.display()));
    Ok(())
}
