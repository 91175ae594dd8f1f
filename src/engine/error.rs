//! What devices refuse, and what fails on them.

use super::{Convolution, Precision};
use crate::graph::CheckError;
use crate::remedy::Remedy;

/// What can go wrong on a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No adapter answers to the request.
    #[error("no {wanted} found{}; {}", list(.found), Remedy::ListDevices)]
    NoAdapter {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: Vec<String>,
    },
    /// The adapter refused to open.
    #[error("{adapter} cannot be opened: {reason}; update its driver or use device cpu")]
    Open {
        /// Adapter name.
        adapter: String,
        /// The driver's words.
        reason: String,
    },
    /// The program is larger than the device allows.
    #[error("{adapter}: {source}")]
    Limits {
        /// Adapter name.
        adapter: String,
        /// Which limit.
        source: CheckError,
    },
    /// The device ran out of memory.
    #[error("{device} is out of memory for {bytes} bytes: use a smaller image or device cpu")]
    OutOfMemory {
        /// Device name.
        device: String,
        /// Bytes the program takes.
        bytes: u64,
    },
    /// The device stopped answering, or the driver reported an error.
    #[error("{device} failed: {reason}; {}", Remedy::Selftest)]
    Device {
        /// Device name.
        device: String,
        /// The driver's words.
        reason: String,
    },
    /// The device cannot compute in the precision asked for.
    #[error("{device} cannot compute in {precision}: it lacks {missing}; use precision auto")]
    Precision {
        /// Device name.
        device: String,
        /// What was asked for.
        precision: Precision,
        /// What it would need.
        missing: String,
    },
    /// The device cannot compute convolutions in the form asked for.
    #[error("{device} has no choice of convolutions: leave out convolution {convolution}")]
    Convolution {
        /// Device name.
        device: String,
        /// What was asked for.
        convolution: Convolution,
    },
    /// Host data of the wrong length.
    #[error("tensor {tensor} has {wanted} elements, not {found}")]
    Length {
        /// Tensor name.
        tensor: String,
        /// Elements given.
        found: usize,
        /// Elements of the tensor.
        wanted: usize,
    },
    /// The CPU thread pool could not be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// Why not.
        reason: String,
    },
}

impl EngineError {
    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::NoAdapter { .. } => Some(Remedy::ListDevices),
            Self::Open { .. } | Self::OutOfMemory { .. } => Some(Remedy::Setting("device")),
            Self::Device { .. } => Some(Remedy::Selftest),
            Self::Precision { .. } => Some(Remedy::Setting("precision")),
            Self::Convolution { .. } => Some(Remedy::Setting("convolution")),
            Self::Limits { .. } | Self::Length { .. } | Self::Threads { .. } => None,
        }
    }
}

fn list(found: &[String]) -> String {
    if found.is_empty() { " (no adapter at all)".into() } else { format!(" (there is {})", found.join(", ")) }
}
