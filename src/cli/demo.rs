//! `trapan demo`: the whole way on a simulated pair, with pictures.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use trapan::method::{self, Contender, Job, Preparation, Request, Shift};
use trapan::quality::{rmse, sam};
use trapan::report::picture::{Picture, Stretch, rgb_channels};
use trapan::report::{Better, Column, Images, Row, Table};
use trapan::scene::GeometryOptions;
use trapan::simulate::simulate;
use trapan::tiff::Source;

use super::args::{DeviceArgs, OutputArgs};
use super::output::OutputFile;
use super::progress::{self, Bar, Show};
use super::report::{ReportArgs, RunSummary, seconds};
use super::settings::MethodArgs;
use super::simulate::SceneArgs;
use super::{CliError, Talk};

/// Arguments of `demo`.
#[derive(Args)]
pub(super) struct DemoArgs {
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
pub(super) fn run(args: &DemoArgs, talk: Talk) -> Result<(), CliError> {
    let start = Instant::now();
    progress::watch_signals();
    let simulated = simulate(&args.scene.spec(args.method.sensor(), args.method.seed()))?;
    simulated.write(&args.output, true)?;
    let file = |name: &str| args.output.join(name);
    let [pan, ms] = [Source::open(&[file("pan.tif")])?, Source::open(&[file("ms.tif")])?];
    let request = Request { shift: Some(Shift::Off), ..args.method.request(Contender::Trapan) };
    let config = request.config(None, ms.header().bands)?;
    let ready = request.prepare([&pan, &ms], &GeometryOptions::default(), config)?;
    let Preparation { scene, scale, .. } = &ready;
    let device = args.device.open(talk)?;
    let output = OutputArgs::over(file("fused.tif"));
    let creation = output.creation()?;
    let part = [0..scene.rows.fine, 0..scene.columns.fine];
    let mut fused = OutputFile::new(scene, part, scale.range, true, &output, &creation)?;
    let mut show = Show { bar: Bar::new(scene.rows.fine, talk), talk, summary: true, save: None };
    let job = Job { memory: output.memory(), lms: true, ..ready.job(&device) };
    let run = method::run(job, &mut |rows| fused.take(&rows), &mut show)?;
    drop(show);
    progress::interrupted()?;
    let collected = fused.finish()?;
    let total = start.elapsed();

    let Some(collected) = collected else { return Ok(()) };
    let Images { width, height, bands, pan, lms, fused, .. } = collected.images();
    let channels = rgb_channels(bands);
    let stretch = Stretch::from_percentiles(lms, bands, channels, 2.0, 98.0);
    let grey = Stretch::from_percentiles(pan, 1, [0; 3], 2.0, 98.0);
    let panels = [
        Picture::grey(pan, width, height, &grey)?,
        Picture::rgb(lms, width, height, bands, channels, &stretch)?,
        Picture::rgb(fused, width, height, bands, channels, &stretch)?,
    ];
    for (name, panel) in ["pan", "upsampled", "fused"].iter().zip(&panels) {
        panel.write(&args.output.join(format!("{name}.png")))?;
    }
    Picture::beside(&panels, 8)?.write(&args.output.join("demo.png"))?;

    let truth = truth_table([lms, fused], &simulated.truth.data, bands);
    for row in &truth.rows {
        let [rmse, sam] = [0, 1].map(|column| row.value(column).unwrap_or_default());
        talk.say(format_args!("{:9} against the truth: RMSE {rmse:6.2} DN, SAM {sam:5.2}°", row.name));
    }
    let reports = ReportArgs::only(args.output.join("report.html"));
    let seconds = seconds(&run, Duration::ZERO, total);
    let ended = RunSummary { scene, scale, method: "trapan", run: &run, seconds };
    let mut report = reports.gather(ended, Some(&collected), &output, talk)?;
    if let Some(report) = &mut report {
        report.tables.push(truth);
        reports.write(report, true, talk)?;
    }
    let out = args.output.display();
    talk.say(format_args!("wrote {out}/demo.png (PAN, upsampled MS, fused), {out}/fused.tif and the pair"));
    Ok(())
}

/// Errors of the upsampled and the fused image.
fn truth_table([lms, fused]: [&[f32]; 2], truth: &[f32], bands: usize) -> Table {
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
        rows: vec![row("upsampled", lms, false), row("fused", fused, true)],
    }
}
