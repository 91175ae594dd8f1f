//! `trapan task`: an entry of a manifest, done once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Parser};
use trapan::method::{Checkpoints, MethodError};
use trapan::tiff::create_folder;

use super::manifest::{Action, Entry, Manifest};
use super::record::Record;
use super::{ManyError, learn, status};
use crate::cli::args::OutputArgs;
use crate::cli::assemble::AssembleArgs;
use crate::cli::fuse::FuseArgs;
use crate::cli::infer::InferArgs;
use crate::cli::{Cli, CliError, Command, Talk, assemble, fuse, infer, options, progress, terminal};

/// Arguments of `task`.
#[derive(Args)]
pub(crate) struct TaskArgs {
    /// Manifest that `trapan plan` wrote
    #[arg(short, long, value_name = "FILE.jsonl")]
    manifest: PathBuf,
    /// Which entry, from 0 [default: all that are left, one after another, then the table of `trapan status`]
    #[arg(short, long, value_name = "N")]
    index: Option<usize>,
    /// Options of this worker, that no entry states, as -j 2 --device gpu:1 --max-memory 4G
    #[arg(last = true, value_name = "OPTIONS OF fuse")]
    worker: Vec<OsString>,
}

/// Runs `task`.
pub(crate) fn run(args: &TaskArgs, talk: Talk) -> Result<(), CliError> {
    let manifest = Manifest::read(&args.manifest)?;
    progress::watch_signals();
    if let Some(index) = args.index {
        return Task::new(&manifest, index)?.run(&args.worker, talk);
    }
    for index in 0..manifest.entries.len() {
        match Task::new(&manifest, index)?.run(&args.worker, talk) {
            // Others do not depend on it, or say so themselves.
            Err(error) if progress::interrupted().is_ok() => {
                terminal::note(format_args!("error: entry {index}: {error}"));
            }
            done => done?,
        }
    }
    status::table(&manifest)
}

/// An entry and where it stands.
struct Task<'a> {
    manifest: &'a Manifest,
    index: usize,
    entry: &'a Entry,
    output: PathBuf,
}

impl<'a> Task<'a> {
    fn new(manifest: &'a Manifest, index: usize) -> Result<Self, CliError> {
        let Some(entry) = manifest.entries.get(index) else {
            let last = manifest.entries.len() - 1;
            return Err(ManyError::NoEntry { path: manifest.path.clone(), index, last }.into());
        };
        Ok(Self { manifest, index, entry, output: manifest.path_of(&entry.output) })
    }

    /// Does the entry unless it is done, and leaves a record. Two workers at one entry write the same bytes, each whole.
    fn run(&self, worker: &[OsString], talk: Talk) -> Result<(), CliError> {
        let Self { manifest, index, entry, output } = self;
        for on in &manifest.after[*index] {
            let other = &manifest.entries[*on];
            if !Record::read(manifest, other)?.is_some_and(|record| record.is_done(manifest, other)) {
                return Err(ManyError::Waits { index: *index, on: *on }.into());
            }
        }
        let before = Record::read(manifest, entry)?;
        if before.as_ref().is_some_and(|record| record.is_done(manifest, entry)) {
            talk.say(format_args!("entry {index} is done: {}", output.display()));
            return self.remove_checkpoint();
        }
        // A record stands before its output does: without one the file is somebody else's.
        if before.is_none() && output.symlink_metadata().is_ok() {
            return Err(ManyError::NotOurs { path: output.clone() }.into());
        }
        create_folder(output.parent().unwrap_or(Path::new("")))?;
        let (start, mut record) = (Instant::now(), Record::begin(entry));
        record.write(manifest)?;
        let result = self.attempt(&mut record, worker, talk);
        if result.is_err() {
            progress::interrupted()?;
        }
        record.end(manifest, start, &result)?;
        let written = record.write(manifest);
        result.and(written.map_err(CliError::from)).and_then(|()| self.remove_checkpoint())
    }

    /// The training went on from it until the record was there.
    fn remove_checkpoint(&self) -> Result<(), CliError> {
        Ok(Checkpoints::new(&OutputArgs::over(self.output.clone()).checkpoint(), Duration::ZERO).remove()?)
    }

    fn attempt(&self, record: &mut Record, worker: &[OsString], talk: Talk) -> Result<(), CliError> {
        let Self { manifest, entry, output, .. } = self;
        let reads: Vec<PathBuf> = entry.reads.iter().map(|path| manifest.path_of(path)).collect();
        let args = self.fuse_args(&reads, worker)?;
        if entry.run == Action::Assemble {
            record.take_inputs(manifest, entry, &reads)?;
            let creation = args.output.creation()?;
            return assemble::assemble(&AssembleArgs::over(reads, output.clone()), &creation, talk);
        }
        let model = entry.model.as_ref().map(|path| manifest.path_of(path));
        let files = args.input.open(None, Talk::Quiet)?;
        let config = args.request().config(files.sensor, files.ms.header().bands)?;
        let inputs: Vec<PathBuf> = fuse::inputs(&files, &config).into_iter().chain(model.clone()).collect();
        record.take_inputs(manifest, entry, &inputs)?;
        if let Some(model) = model {
            let FuseArgs { input, output, device, .. } = args;
            let (window, strip, trained_at) = (None, entry.strip, self.trained_at()?);
            return infer::run(&InferArgs { model, input, output, window, strip, device, trained_at }, talk);
        }
        let mut train = |args: &FuseArgs| match entry.run {
            Action::Train => learn::run(args, talk).map(|shift| record.shift = Some(shift)),
            _ => fuse::run(args, talk),
        };
        match train(&args) {
            // Left by an entry that has been changed since, or on another sort of machine.
            Err(CliError::Method(error @ MethodError::OtherRun { .. })) => {
                talk.say(format_args!("warning: {error}: begun anew"));
                self.remove_checkpoint()?;
                train(&args)
            }
            done => done,
        }
    }

    /// The shift that was corrected where the entry's model was trained, if it was on the same pair, taken likewise.
    fn trained_at(&self) -> Result<Option<[f64; 2]>, CliError> {
        let Self { manifest, entry, .. } = self;
        let is_it = |other: &&Entry| {
            other.run == Action::Train
                && Some(&other.output) == entry.model.as_ref()
                && (&other.reads, &other.options) == (&entry.reads, &entry.options)
        };
        let record = manifest.entries.iter().find(is_it).map(|training| Record::read(manifest, training));
        Ok(record.transpose()?.flatten().and_then(|record| record.shift))
    }

    /// The arguments of the `fuse` that would do it all. Each entry takes what concerns it.
    fn fuse_args(&self, reads: &[PathBuf], worker: &[OsString]) -> Result<FuseArgs, CliError> {
        let Self { manifest, index, entry, output } = self;
        let stated = options::of_fuse(&manifest.path, &entry.options)?;
        let line = ["trapan", "fuse", "--overwrite", "--resume", "-o"].map(OsString::from).into_iter();
        let line = line.chain([output.clone().into_os_string()]).chain(stated).chain(worker.iter().cloned());
        let line = line.chain(["--".into()]).chain(reads.iter().map(|path| path.clone().into_os_string()));
        let wrong = |reason: String| CliError::Line {
            path: manifest.path.clone(),
            line: index + 1,
            wanted: "entry for this worker",
            reason,
            fix: "see `trapan fuse --help`",
        };
        let parsed = Cli::try_parse_from(line).map_err(|error| {
            let said = error.to_string();
            wrong(said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
        })?;
        match parsed.command {
            Command::Fuse(mut args) => {
                args.is_task = true;
                Ok(*args)
            }
            _ => Err(wrong("no options of fuse".to_owned())),
        }
    }
}
