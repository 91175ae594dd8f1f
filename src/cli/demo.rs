//! `trapan demo`: the whole way on a simulated pair, with pictures.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use trapan::engine::Options;
use trapan::method::Fused;
use trapan::method::simulate::simulate;
use trapan::quality::{rmse, sam};
use trapan::raster::Scale;
use trapan::raster::picture::{Picture, Stretch, rgb_channels};
use trapan::report::{Better, Column, Row, Table};

use super::args::{DeviceArgs, MethodArgs};
use super::progress;
use super::report::{ReportArgs, Times};
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
    let start = Instant::now();
    progress::watch_signals();
    let scene = simulate(&args.scene.spec(args.method.sensor, args.method.seed))?;
    scene.write(&args.output, true)?;
    let mut pair = scene.pair()?;
    for image in [&mut pair.pan, &mut pair.ms] {
        image.path = args.output.join(&image.path);
    }
    let config = args.method.config(pair.ms.bands)?;
    let scale = Scale::of(&pair, args.method.bit_depth)?;
    let device = args.device.open(talk)?;
    let fused = progress::fuse(&pair, &scale, &config, &device, Options::default(), talk)?;
    let output = args.output.join("fused.tif");
    let writing = Instant::now();
    super::fuse::write_fused(&output, &pair, &scale, &fused.hrms, true)?;
    let times = Times { read: Duration::ZERO, write: writing.elapsed(), total: start.elapsed() };

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

    let truth = truth_table(&fused, &scene.truth.data, bands);
    for row in &truth.rows {
        let [rmse, sam] = [0, 1].map(|column| row.value(column).unwrap_or_default());
        talk.say(format_args!("{:9} against the truth: RMSE {rmse:6.2} DN, SAM {sam:5.2}°", row.name));
    }
    let reports = ReportArgs::only(args.output.join("report.html"));
    let mut report = reports.gather((&pair, &scale, &config), &fused, &times, &output, true, talk)?;
    if let Some(report) = &mut report {
        report.tables.push(truth);
        reports.write(report, true, talk)?;
    }
    let out = args.output.display();
    talk.say(format_args!("wrote {out}/demo.png (PAN, upsampled MS, fused), {out}/fused.tif and the pair"));
    Ok(())
}

/// Errors of the upsampled and the fused image.
fn truth_table(fused: &Fused, truth: &[f32], bands: usize) -> Table {
    let row = |name: &str, image: &[f32], own| Row {
        name: name.into(),
        values: vec![Some(rmse(image, truth)), Some(sam(image, truth, bands))],
        own,
    };
    Table {
        title: "Against the truth".into(),
        note: "A simulated place has a known truth; a real one has not.".into(),
        rows_are: "image".into(),
        columns: vec![Column::new("RMSE", "DN", Better::Lower, 2), Column::new("SAM", "°", Better::Lower, 2)],
        rows: vec![row("upsampled", &fused.lms, false), row("fused", &fused.hrms, true)],
    }
}
