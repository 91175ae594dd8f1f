//! The command line: a thin client of the library, and the only code that prints.

mod args;
mod assemble;
mod assess;
mod bench;
mod compare;
mod degrade;
mod demo;
mod devices;
mod error;
mod experiment;
mod fuse;
mod geometry;
mod infer;
mod info;
mod inputs;
mod judge;
mod many;
mod options;
mod output;
mod pairs;
mod profile;
mod progress;
mod remedy;
mod report;
mod schema;
mod selftest;
mod settings;
mod shell;
mod simulate;
mod stac;
mod summary;
mod table;
mod terminal;
mod train;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

pub use args::usual_memory;
pub use error::CliError;
pub use info::facts;
pub use many::ManyError;
use remedy::noted;
use trapan::remedy::Note;

/// Zero-shot pansharpening: trains on one PAN/MS pair and fuses it.
///
/// Exit codes: 0 done; 1 self-test failed; 2 usage; 3 input unreadable or unsupported; 4 images
/// do not fit together; 5 no usable device; 6 not enough memory; 7 training diverged; 8 output
/// exists, is an input or cannot be written; 9 fused, but a closed-form method is better (--quality-gate);
/// 10 an entry of a manifest is not done; 130 interrupted.
#[derive(Parser)]
#[command(name = "trapan", version, max_term_width = 100, args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print nothing but errors, and what changes the bands of the result
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Print settings and timings
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// Take options from this file, by their names; those of the command line win
    #[arg(long, global = true, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Show progress as a bar, on a terminal only, or as lines of JSON on stderr for a program that shows it
    #[arg(long, global = true, value_name = "HOW", default_value = "bar",
          value_parser = PossibleValuesParser::new(["bar", "json"]))]
    progress: String,
}

#[derive(Subcommand)]
enum Command {
    /// Train on a PAN/MS pair and write the fused GeoTIFF
    Fuse(Box<fuse::FuseArgs>),
    /// Check a PAN/MS pair: grids, shift, values, what fusing takes; without training
    Info(Box<info::InfoArgs>),
    /// Fuse a pair by all methods and judge the results, at full and at reduced resolution
    Compare(Box<compare::CompareArgs>),
    /// Run the paper's experiments on pairs, over several seeds, and draw its tables and figures
    Experiment(Box<experiment::ExperimentArgs>),
    /// Judge a fused image by the pair it was made from, or by a known truth
    Assess(Box<assess::AssessArgs>),
    /// Apply trained networks to a PAN/MS pair
    Infer(Box<infer::InferArgs>),
    /// Write a manifest of what many scenes, or huge ones, take: an entry a line, for `task`
    Plan(Box<many::plan::PlanArgs>),
    /// Do an entry of a manifest, or all that are left; what is done is not done again
    Task(many::task::TaskArgs),
    /// Print how far a manifest is
    Status(many::status::StatusArgs),
    /// Join window results of one scene to the file that one run would have written
    Assemble(assemble::AssembleArgs),
    /// Degrade a pair by its own ratio: whatever fuses the result can be judged by MS (Wald's protocol)
    Degrade(Box<degrade::DegradeArgs>),
    /// Train a network on many pairs, for others to start from
    Train(Box<train::TrainArgs>),
    /// Write simulated pairs and their truths as GeoTIFFs
    Simulate(simulate::SimulateArgs),
    /// Simulate, fuse and write pictures into a folder
    Demo(Box<demo::DemoArgs>),
    /// List the GPU adapters with their limits and features
    Devices,
    /// Run every kernel's cases on a device against the reference
    Selftest(selftest::SelftestArgs),
    /// Measure a device: its ceilings, every kernel, the training steps, the time of a fusion
    Bench(bench::BenchArgs),
    /// Print the options that a command would run with, as a file for --config
    Config(options::ConfigArgs),
    /// Print the JSON Schema of what a command writes as JSON
    Schema(schema::SchemaArgs),
    /// Print a script that completes commands and flags in a shell
    Completions(shell::CompletionsArgs),
    /// Print a page of the manual, or write all of them
    Man(shell::ManArgs),
}

impl Command {
    /// Whether it leaves nothing but what it prints.
    fn only_prints(&self) -> bool {
        match self {
            Self::Info(_) | Self::Compare(_) | Self::Devices | Self::Selftest(_) | Self::Bench(_) => true,
            Self::Fuse(args) => args.dump_plan,
            Self::Assess(args) => args.maps.is_none(),
            Self::Config(_) | Self::Schema(_) | Self::Completions(_) | Self::Status(_) => true,
            Self::Man(args) => args.output.is_none(),
            Self::Train(_)
            | Self::Experiment(_)
            | Self::Infer(_)
            | Self::Plan(_)
            | Self::Task(_)
            | Self::Assemble(_)
            | Self::Degrade(_)
            | Self::Simulate(_)
            | Self::Demo(_) => false,
        }
    }
}

/// How much to say on stderr.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Talk {
    Quiet,
    Normal,
    Verbose,
}

impl Talk {
    /// A line worth saying unless the user wants none.
    fn say(self, line: impl std::fmt::Display) {
        if self >= Self::Normal {
            terminal::note(line);
        }
    }

    /// A line that even `-q` does not keep back, because it changes what the result is. All others hear it among
    /// the warnings.
    fn say_to_the_quiet(self, line: impl std::fmt::Display) {
        if self == Self::Quiet {
            terminal::note(line);
        }
    }

    /// What the user should know.
    fn warn(self, note: &Note) {
        self.say(format_args!("warning: {}", noted(note)));
    }

    /// A line for `-v`.
    fn detail(self, line: impl std::fmt::Display) {
        if self >= Self::Verbose {
            terminal::note(line);
        }
    }
}

/// The program: runs a command line, prints the error and gives its exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    quiet_mesa();
    bound_threads();
    run_line(args)
}

/// [`main`] within a process of others, whose environment stays as it is.
pub fn run_line(args: impl IntoIterator<Item = OsString>) -> u8 {
    let done = parse(args.into_iter().collect()).and_then(|cli| {
        if cli.command.only_prints() {
            terminal::only_prints();
        }
        run(cli)?;
        terminal::finish().map_err(|source| CliError::Stdout { source })
    });
    match done {
        Ok(()) => 0,
        Err(error) => {
            terminal::note(format_args!("error: {error}"));
            error.exit_code()
        }
    }
}

/// The command line; its errors, which repeat arguments, as they may be shown.
fn parse(args: Vec<OsString>) -> Result<Cli, CliError> {
    let args = options::with_file(args)?;
    let shown = |argument: &OsString| OsString::from(&*trapan::tiff::visible(&argument.to_string_lossy()));
    Ok(Cli::try_parse_from(&args)
        .unwrap_or_else(|error| Cli::try_parse_from(args.iter().map(shown)).map_or_else(|e| e, |_| error).exit()))
}

/// Mesa, which Vulkan asks for adapters, prints an error if this variable is not set.
fn quiet_mesa() {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: the program has only this thread yet.
        unsafe { std::env::set_var("XDG_RUNTIME_DIR", std::env::temp_dir()) };
    }
}

/// The thread pools take any number from these variables, and thousands of threads take all memory.
fn bound_threads() {
    for name in ["RAYON_NUM_THREADS", "RAYON_RS_NUM_CPUS"] {
        let asked = std::env::var(name).ok().and_then(|value| value.parse::<usize>().ok());
        if asked.is_some_and(|threads| threads > args::cores()) {
            // SAFETY: the program has only this thread yet.
            unsafe { std::env::set_var(name, args::cores().to_string()) };
        }
    }
}

fn run(cli: Cli) -> Result<(), CliError> {
    let talk = match (cli.quiet, cli.verbose) {
        (true, _) => Talk::Quiet,
        (_, true) => Talk::Verbose,
        _ => Talk::Normal,
    };
    if cli.progress == "json" {
        progress::as_json();
    }
    match cli.command {
        Command::Fuse(args) => fuse::run(&args, talk),
        Command::Info(args) => info::run(&args, talk),
        Command::Compare(args) => compare::run(&args, talk),
        Command::Experiment(args) => experiment::run(*args, talk),
        Command::Assess(args) => assess::run(&args, talk),
        Command::Infer(args) => infer::run(&args, talk),
        Command::Plan(args) => many::plan::run(&args, talk),
        Command::Task(args) => many::task::run(&args, talk),
        Command::Status(args) => many::status::run(&args),
        Command::Assemble(args) => assemble::run(&args, talk),
        Command::Degrade(args) => degrade::run(&args, talk),
        Command::Train(args) => train::run(&args, talk),
        Command::Simulate(args) => simulate::run(&args, talk),
        Command::Demo(args) => demo::run(&args, talk),
        Command::Devices => devices::run(),
        Command::Selftest(args) => selftest::run(&args, talk),
        Command::Bench(args) => bench::run(&args, talk),
        Command::Config(args) => options::show(&args, cli.config.as_deref()),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => {
            shell::completions(&args);
            Ok(())
        }
        Command::Man(args) => shell::man(&args, talk),
    }
}
