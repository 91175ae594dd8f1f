//! Reports and quicklooks of a run: their flags, and what a run hands to them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use trapan::method::{Config, Fused};
use trapan::raster::{Pair, Scale, check_output};
use trapan::report::{Colours, Images, Inputs, Report, Run, Training, check_quicklook, quicklook};

use super::{CliError, Talk};

/// What to write for people to look at, and for programs to read.
#[derive(Args)]
#[command(next_help_heading = "Report")]
pub struct ReportArgs {
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

/// Times outside of training.
pub struct Times {
    /// Reading and checking the pair.
    pub read: Duration,
    /// Writing the fused image.
    pub write: Duration,
    /// From start to end.
    pub total: Duration,
}

impl ReportArgs {
    /// One report and nothing else.
    pub fn only(report: PathBuf) -> Self {
        Self { report: vec![report], quicklook: None, rgb: None }
    }

    /// Finds out, before a long computation, whether everything can be written.
    pub fn check(&self, pair: &Pair, overwrite: bool) -> Result<(), CliError> {
        let bands = pair.ms.bands;
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
    pub fn gather(
        &self,
        (pair, scale, config): (&Pair, &Scale, &Config),
        fused: &Fused,
        times: &Times,
        output: &Path,
        overwrite: bool,
        talk: Talk,
    ) -> Result<Option<Report>, CliError> {
        if self.report.is_empty() && self.quicklook.is_none() {
            return Ok(None);
        }
        let images = Images::new(&pair.pan, pair.ms.bands, &fused.lms, &fused.hrms, pair.valid.as_deref())?;
        let bands: Option<Vec<usize>> = self.rgb.as_ref().map(|rgb| rgb.iter().map(|b| b - 1).collect());
        let colours = Colours::of(&images, &pair.ms.descriptions, bands.as_deref());
        if let Some(dir) = &self.quicklook {
            quicklook(&images, &colours, dir, overwrite)?;
            talk.say(format_args!("wrote pictures into {}", dir.display()));
        }
        if self.report.is_empty() {
            return Ok(None);
        }
        let outcome = &fused.outcome;
        let report = Report::new(Run {
            method: "trapan",
            inputs: Inputs::of(&pair.pan, &pair.ms, pair.ratio)?,
            bands: &pair.ms.descriptions,
            warnings: &pair.warnings,
            scale,
            images,
            colours: &colours,
            output,
            device: &fused.device,
            training: Some(Training { config, fused }),
            seconds: vec![
                ("read", times.read),
                ("load", fused.load_time),
                ("degradation", outcome.dam_time),
                ("alternation", outcome.fusion_time),
                ("inference", fused.infer_time),
                ("write", times.write),
                ("total", times.total),
            ],
        })?;
        Ok(Some(report))
    }

    /// Writes a report under every name that was given, and says so.
    pub fn write(&self, report: &Report, overwrite: bool, talk: Talk) -> Result<(), CliError> {
        for path in &self.report {
            report.write(path, overwrite)?;
            talk.say(format_args!("wrote {}", path.display()));
        }
        Ok(())
    }
}
