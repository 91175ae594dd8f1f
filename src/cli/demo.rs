//! `trapan demo`: the whole way on a simulated pair, with pictures.

use std::path::PathBuf;

use clap::Args;
use trapan::engine::Options;
use trapan::method::simulate::simulate;
use trapan::quality::{rmse, sam};
use trapan::raster::picture::{Picture, Stretch, rgb_channels};
use trapan::raster::{Creation, Layout, Scale, write};

use super::args::{DeviceArgs, MethodArgs};
use super::progress;
use super::simulate::SceneArgs;
use super::{CliError, Talk};

/// Arguments of `demo`.
#[derive(Args)]
pub struct DemoArgs {
    /// Folder for the pair, the fused image and the pictures
    #[arg(short, long, default_value = "trapan-demo", value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    scene: SceneArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    method: MethodArgs,
}

/// Runs `demo`. Its own folder is written over.
pub fn run(args: &DemoArgs, talk: Talk) -> Result<(), CliError> {
    progress::watch_signals();
    let scene = simulate(&args.scene.spec(args.method.sensor(), args.method.seed))?;
    scene.write(&args.output, true)?;
    let pair = scene.pair()?;
    let config = args.method.config(pair.ms.bands)?;
    let scale = Scale::of(&pair, args.method.bit_depth)?;
    let device = args.device.open(talk)?;
    let fused = progress::fuse(&pair, &scale, &config, &device, Options::default(), talk)?;
    let layout = Layout { range: scale.range, ..Layout::fused(&pair.pan, &pair.ms) };
    write(&args.output.join("fused.tif"), &layout, &fused.hrms, None, &Creation::default(), true)?;

    let (width, height, bands) = (pair.pan.width, pair.pan.height, pair.ms.bands);
    let channels = rgb_channels(bands);
    let stretch = Stretch::from_percentiles(&pair.ms.data, bands, channels, 2.0, 98.0);
    let grey = Stretch::from_percentiles(&pair.pan.data, 1, [0; 3], 2.0, 98.0);
    let panels = [
        Picture::grey(&pair.pan.data, width, height, &grey)?,
        Picture::rgb(&fused.lms, width, height, bands, channels, &stretch)?,
        Picture::rgb(&fused.hrms, width, height, bands, channels, &stretch)?,
    ];
    for (name, panel) in ["pan", "upsampled", "fused"].iter().zip(&panels) {
        panel.write(&args.output.join(format!("{name}.png")))?;
    }
    Picture::beside(&panels, 8)?.write(&args.output.join("demo.png"))?;

    for (name, image) in [("upsampled", &fused.lms), ("fused", &fused.hrms)] {
        let (rmse, sam) = (rmse(image, &scene.truth.data), sam(image, &scene.truth.data, bands));
        talk.say(format_args!("{name:9} against the truth: RMSE {rmse:6.2} DN, SAM {sam:5.2}°"));
    }
    let out = args.output.display();
    talk.say(format_args!("wrote {out}/demo.png (PAN, upsampled MS, fused), {out}/fused.tif and the pair"));
    Ok(())
}
