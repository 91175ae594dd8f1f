//! One error for all commands, with its exit code.

use std::path::PathBuf;

use trapan::classical::{ClassicalError, Method};
use trapan::compare::CompareError;
use trapan::engine::EngineError;
use trapan::method::MethodError;
use trapan::product::ProductError;
use trapan::quality::QualityError;
use trapan::report::ReportError;
use trapan::report::picture::PictureError;
use trapan::scene::SceneError;
use trapan::simulate::SimulateError;
use trapan::tiff::{ErrorClass, TiffError, Window};

use super::many::ManyError;
use super::remedy::in_flags;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Files and their contents.
    #[error("{}", in_flags(.0, .0.remedy()))]
    Tiff(#[from] TiffError),
    /// Pairs that cannot be fused.
    #[error("{}", in_flags(.0, .0.remedy()))]
    Scene(#[from] SceneError),
    /// Folders.
    #[error("{}", in_flags(.0, .0.remedy()))]
    Product(#[from] ProductError),
    /// Settings and training.
    #[error("{}", in_flags(.0, .0.remedy()))]
    Method(#[from] MethodError),
    /// Comparing.
    #[error("{}", in_flags(.0, .0.remedy()))]
    Compare(#[from] CompareError),
    /// Devices.
    #[error("{}", in_flags(.0, .0.remedy()))]
    Engine(#[from] EngineError),
    /// Simulation.
    #[error("{}", in_flags(.0, .0.remedy()))]
    Simulate(#[from] SimulateError),
    /// Judging.
    #[error("{}", in_flags(.0, .0.remedy()))]
    Quality(#[from] QualityError),
    /// Pictures.
    #[error("{}", in_flags(.0, .0.remedy()))]
    Picture(#[from] PictureError),
    /// Manifests.
    #[error(transparent)]
    Many(#[from] ManyError),
    /// The image was written, but an untrained method does better.
    #[error(
        "the closed form {method} is better than the result here: {} {:.4} against {:.4} and {} {:.4} against {:.4}; the \
         file was written all the same; look at the pair's registration and the sensor's gains, or take --method \
         {method}", names[0], other[0], own[0], names[1], other[1], own[1]
    )]
    Gate {
        /// The best of those that are better.
        method: Method,
        /// Error and quality judged by.
        names: [&'static str; 2],
        /// Both of the result.
        own: [f64; 2],
        /// Both of that method.
        other: [f64; 2],
    },
    /// Reports.
    #[error("{}", in_flags(.0, .0.remedy()))]
    Report(#[from] ReportError),
    /// Bands of the pictures.
    #[error("--rgb is {seen}: it must be three or four bands from 1 to {bands}: red, green, blue, near infrared")]
    Rgb {
        /// Bands asked for.
        seen: String,
        /// Bands of the image.
        bands: usize,
    },
    /// A STAC item that cannot be fused.
    #[error("{path}: {what}; {fix}", path = .path.display())]
    Stac {
        /// The item or collection.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do.
        fix: &'static str,
    },
    /// One file where there should be two, or a folder.
    #[error("{path} is one file: name PAN and MS, the folder of a product, or a STAC item", path = .path.display())]
    OneFile {
        /// The file.
        path: PathBuf,
    },
    /// A line of a file of JSON lines.
    #[error("{path}: line {line} is no {wanted}: {reason}; {fix}", path = .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What it should be.
        wanted: &'static str,
        /// Why it is not.
        reason: String,
        /// What to do.
        fix: &'static str,
    },
    /// A file of options that is none.
    #[error("{path}: line {line} is no TOML: {reason}", path = .path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Why it is not.
        reason: String,
    },
    /// Options that a command does not have.
    #[error(
        "{path}: {keys}: not among the options of {command}; see `trapan {command} --help`, and put the options of another \
         command into a table with its name, as [info]", path = .path.display()
    )]
    UnknownOptions {
        /// The file.
        path: PathBuf,
        /// What is not known.
        keys: String,
        /// The command.
        command: String,
    },
    /// An option in a file with a value that it cannot have.
    #[error("{path}: {key} must be {wanted}", path = .path.display())]
    Option {
        /// The file.
        path: PathBuf,
        /// Name of the option.
        key: String,
        /// What it may be.
        wanted: &'static str,
    },
    /// A row that no study has.
    #[error("--rows {name}: the studies of {place} have no such row; they have: {rows}")]
    NoRow {
        /// Asked for.
        name: String,
        /// The pair.
        place: String,
        /// The names there are.
        rows: String,
    },
    /// A page that is not there.
    #[error("{name}: no such command; `trapan --help` lists them")]
    NoCommand {
        /// The name.
        name: String,
    },
    /// Nothing to train on.
    #[error("{path}: no pairs in it; give a folder with subfolders of pan.tif and ms.tif, or a file with a pair in each line", path = .path.display())]
    NoPairs {
        /// Folder or list.
        path: PathBuf,
    },
    /// The text cannot be printed.
    #[error("stdout: cannot be written: {source}; files are not concerned")]
    Stdout {
        /// What the system said.
        source: std::io::Error,
    },
    /// A window beyond the scene.
    #[error(
        "--window {},{},{},{} is empty or reaches beyond the common area of {}x{} pixels",
        .window.x, .window.y, .window.width, .window.height, .size[0], .size[1]
    )]
    Window {
        /// Window asked for.
        window: Window,
        /// Columns and rows there are.
        size: [usize; 2],
    },
    /// More strips than rows.
    #[error("--strip {strip}: the common area has {rows} rows, and no strip can be empty; take fewer strips")]
    Strip {
        /// Strip asked for.
        strip: String,
        /// Rows there are.
        rows: usize,
    },
    /// A band to write that is not there.
    #[error("--out-bands {band}: the MS image has bands 1 to {bands}; choose among them")]
    OutBand {
        /// The band asked for.
        band: usize,
        /// Bands of MS.
        bands: usize,
    },
    /// The self-test found wrong kernels.
    #[error("{failed} of {cases} cases failed on {device}: do not trust results of this device; update its driver")]
    Selftest {
        /// Failed cases.
        failed: usize,
        /// All cases.
        cases: usize,
        /// Device.
        device: String,
    },
}

impl CliError {
    /// The same without flags, in the library's words.
    pub fn plain(&self) -> String {
        match self {
            Self::Tiff(e) => e.to_string(),
            Self::Scene(e) => e.to_string(),
            Self::Product(e) => e.to_string(),
            Self::Method(e) => e.to_string(),
            Self::Compare(e) => e.to_string(),
            Self::Engine(e) => e.to_string(),
            Self::Simulate(e) => e.to_string(),
            Self::Quality(e) => e.to_string(),
            Self::Picture(e) => e.to_string(),
            Self::Report(e) => e.to_string(),
            other => other.to_string(),
        }
    }

    /// The documented exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Tiff(e) => of_kind(e.kind()),
            Self::Scene(e) => of_kind(e.kind()),
            Self::Product(e) => of_kind(e.kind()),
            Self::Method(e) | Self::Compare(CompareError::Method(e)) => method(e),
            Self::Engine(e) => engine(e),
            Self::Simulate(SimulateError::Write(e)) => of_kind(e.kind()),
            Self::Simulate(SimulateError::Sensor(e)) => method(e),
            Self::Simulate(_) => 2,
            Self::Quality(e) | Self::Compare(CompareError::Quality(e)) => quality(e),
            Self::Gate { .. } => 9,
            Self::Picture(_) | Self::Report(ReportError::Picture(_)) | Self::Stdout { .. } => 8,
            Self::Report(ReportError::File(e)) => of_kind(e.kind()),
            Self::Rgb { .. } | Self::OneFile { .. } | Self::Window { .. } | Self::OutBand { .. } => 2,
            Self::Strip { .. } | Self::NoRow { .. } => 2,
            Self::Many(e) => e.exit_code(),
            Self::Toml { .. } | Self::UnknownOptions { .. } | Self::Option { .. } | Self::NoCommand { .. } => 2,
            Self::Line { .. } | Self::NoPairs { .. } | Self::Stac { .. } => 3,
            Self::Selftest { .. } => 1,
        }
    }
}

fn of_kind(kind: ErrorClass) -> u8 {
    match kind {
        ErrorClass::Usage => 2,
        ErrorClass::Input => 3,
        ErrorClass::Geometry => 4,
        ErrorClass::Memory => 6,
        ErrorClass::Output => 8,
    }
}

fn quality(error: &QualityError) -> u8 {
    match error {
        QualityError::Tiff(e) => of_kind(e.kind()),
        QualityError::NothingValid { .. } | QualityError::Blank { .. } => 3,
        QualityError::Shape { .. } | QualityError::TooSmall { .. } | QualityError::Unit { .. } => 4,
        QualityError::Ratio { .. } | QualityError::Gains { .. } => 2,
    }
}

fn method(error: &MethodError) -> u8 {
    match error {
        MethodError::Bands { .. } | MethodError::Misfit { .. } | MethodError::Unlike { .. } => 4,
        MethodError::Classical(ClassicalError::Size { .. } | ClassicalError::Grids { .. }) => 4,
        MethodError::Classical(_) => 3,
        MethodError::Diverged { .. } => 7,
        MethodError::Interrupted => 130,
        MethodError::Engine(e) => engine(e),
        MethodError::Tiff(e) => of_kind(e.kind()),
        MethodError::Scene(e) => of_kind(e.kind()),
        MethodError::Weights(_) | MethodError::OtherRun { .. } => 3,
        _ => 2,
    }
}

fn engine(error: &EngineError) -> u8 {
    match error {
        EngineError::Limits { .. } | EngineError::OutOfMemory { .. } => 6,
        _ => 5,
    }
}
