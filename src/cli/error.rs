//! One error for all commands, with its exit code.

use trapan::engine::EngineError;
use trapan::method::MethodError;
use trapan::method::simulate::SimulateError;
use trapan::quality::QualityError;
use trapan::raster::picture::PictureError;
use trapan::raster::{Kind, RasterError};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Files and their contents.
    #[error(transparent)]
    Raster(#[from] RasterError),
    /// Settings and training.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// Devices.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Simulation.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// Judging.
    #[error(transparent)]
    Quality(#[from] QualityError),
    /// Pictures.
    #[error(transparent)]
    Picture(#[from] PictureError),
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
    /// The documented exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Raster(e) => raster(e),
            Self::Method(e) => method(e),
            Self::Engine(e) => engine(e),
            Self::Simulate(SimulateError::Write(e)) => raster(e),
            Self::Simulate(SimulateError::Sensor(e)) => method(e),
            Self::Simulate(_) => 2,
            Self::Quality(e) => quality(e),
            Self::Picture(_) => 8,
            Self::Selftest { .. } => 1,
        }
    }
}

fn raster(error: &RasterError) -> u8 {
    match error.kind() {
        Kind::Usage => 2,
        Kind::Input => 3,
        Kind::Geometry => 4,
        Kind::Output => 8,
    }
}

fn quality(error: &QualityError) -> u8 {
    match error {
        QualityError::Raster(e) => raster(e),
        QualityError::NothingValid { .. } | QualityError::Blank { .. } => 3,
        QualityError::Shape { .. } | QualityError::TooSmall { .. } | QualityError::Unit { .. } => 4,
        QualityError::Ratio { .. } | QualityError::Gains { .. } => 2,
    }
}

fn method(error: &MethodError) -> u8 {
    match error {
        MethodError::Bands { .. } => 4,
        MethodError::Diverged { .. } => 7,
        MethodError::Interrupted => 130,
        MethodError::Engine(e) => engine(e),
        MethodError::Raster(e) => raster(e),
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
