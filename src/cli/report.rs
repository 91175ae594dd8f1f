//! Reports and quicklooks of a run: their flags, and what a run hands to them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use trapan::method::Run;
use trapan::report::{Collector, Colours, InputPair, Report, Subject, check_quicklook, quicklook, quicklook_outputs};
use trapan::scene::{Scale, Scene};
use trapan::tiff::{Output, check_output};

use super::args::OutputArgs;
use super::remedy::noted;
use super::{CliError, Talk};

/// What to write for people to look at, and for programs to read.
#[derive(Args)]
#[command(next_help_heading = "Report")]
pub(super) struct ReportArgs {
    /// Write a report: FILE.html, a page to look at (pictures, losses, spectra, timings); any other
    /// name, the same as JSON; repeatable
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
    /// Write PAN, upsampled and fused image as PNG pictures of at most 1024 pixels a side
    #[arg(long, value_name = "DIR")]
    quicklook: Option<PathBuf>,
    /// Bands (from 1) that pictures show as red, green, blue and, for false colour, near infrared
    /// [default: by band names, else B, G, R, NIR or WorldView's eight]
    #[arg(long, value_name = "R,G,B[,N]", value_delimiter = ',')]
    rgb: Option<Vec<usize>>,
}

/// A run at its end.
pub(super) struct RunSummary<'a> {
    pub scene: &'a Scene<'a>,
    pub scale: &'a Scale,
    pub method: &'a str,
    pub run: &'a Run,
    /// Seconds per part of the run, in order; the last one is the total.
    pub seconds: Vec<(&'static str, Duration)>,
}

/// Seconds per part of a run that trained, its files read and all in all.
pub(super) fn seconds(run: &Run, read: Duration, total: Duration) -> Vec<(&'static str, Duration)> {
    let [dam, fusion] = run.log.as_ref().map_or([Duration::ZERO; 2], |log| [log.dam_time, log.fusion_time]);
    vec![
        ("read", read),
        ("load", run.timings.load),
        ("degradation", dam),
        ("alternation", fusion),
        ("inference", run.timings.apply),
        ("total", total),
    ]
}

impl ReportArgs {
    /// Whether pictures will be needed.
    pub(super) fn wanted(&self) -> bool {
        !self.report.is_empty() || self.quicklook.is_some()
    }

    /// One report and nothing else.
    pub(super) fn only(report: PathBuf) -> Self {
        Self { report: vec![report], quicklook: None, rgb: None }
    }

    /// The files that may be written.
    pub(super) fn outputs(&self) -> impl Iterator<Item = Output> {
        let reports = self.report.iter().map(|path| Output::new(path, Report::format(path)));
        reports.chain(self.quicklook.iter().flat_map(|dir| quicklook_outputs(dir)))
    }

    /// Finds out, before a long computation, whether everything can be written.
    pub(super) fn check(&self, bands: usize, overwrite: bool) -> Result<(), CliError> {
        if let Some(rgb) = &self.rgb
            && (!(3..=4).contains(&rgb.len()) || rgb.iter().any(|b| !(1..=bands).contains(b)))
        {
            let list: Vec<String> = rgb.iter().map(ToString::to_string).collect();
            return Err(CliError::Rgb { seen: list.join(","), bands });
        }
        self.report.iter().try_for_each(|path| check_output(path, overwrite))?;
        Ok(self.quicklook.iter().try_for_each(|dir| check_quicklook(dir, overwrite))?)
    }

    /// Writes the quicklooks that were asked for, and gathers the report if one was.
    pub(super) fn gather(
        &self,
        ended: RunSummary<'_>,
        collected: Option<&Collector>,
        output: &OutputArgs,
        talk: Talk,
    ) -> Result<Option<Report>, CliError> {
        let Some(collected) = collected else { return Ok(None) };
        let RunSummary { scene, scale, method, run, seconds } = ended;
        let images = collected.images();
        let bands: Option<Vec<usize>> = self.rgb.as_ref().map(|rgb| rgb.iter().map(|b| b - 1).collect());
        let colours = Colours::of(&images, &scene.ms().colour_names(), bands.as_deref());
        if let Some(dir) = &self.quicklook {
            quicklook(&images, &colours, dir, output.overwrite)?;
            talk.say(format_args!("wrote pictures into {}", dir.display()));
        }
        if self.report.is_empty() {
            return Ok(None);
        }
        let mut report = Report::new(Subject {
            method,
            inputs: InputPair::of(scene.pan(), scene.ms(), scene.ratio())?,
            bands: &scene.ms().descriptions,
            warnings: &scene.warnings.iter().map(noted).collect::<Vec<_>>(),
            scale,
            images,
            colours: &colours,
            output: &output.output,
            run,
            seconds,
        })?;
        if collected.step > 1 {
            let step = collected.step;
            report
                .notes
                .push(format!("A large scene: pictures and numbers per band show means of {step}x{step} pixels."));
        }
        Ok(Some(report))
    }

    /// Writes a report under every name that was given, and says so.
    pub(super) fn write(&self, report: &Report, overwrite: bool, talk: Talk) -> Result<(), CliError> {
        for path in &self.report {
            report.write(path, overwrite)?;
            talk.say(format_args!("wrote {}", path.display()));
        }
        Ok(())
    }
}
