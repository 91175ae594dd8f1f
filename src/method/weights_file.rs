//! Named f32 tensors with a line of metadata, as safetensors files.

use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::net::NamedTensor;
use crate::tiff::open_file;

/// Metadata key of our own line.
const KEY: &str = "trapan";
/// Largest file that is read: the networks have some 80 000 weights, a checkpoint a dozen copies.
const LARGEST: u64 = 1 << 30;

/// Why a weights file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// It cannot be read.
    #[error("{path}: {source}; check the path and its permissions", path = .path.display())]
    Read {
        /// File.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// It is not one of ours, or damaged.
    #[error("{path} is no weights file of this program: {reason}; write it again", path = .path.display())]
    Content {
        /// File.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Reads the metadata line and all tensors of a file.
///
/// # Errors
/// [`WeightsError`]; damaged files never panic.
pub(super) fn read(path: &Path) -> Result<(String, Vec<NamedTensor>), WeightsError> {
    let failed = |source| WeightsError::Read { path: path.to_owned(), source };
    let bad = |reason: String| WeightsError::Content { path: path.to_owned(), reason };
    let file = open_file(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size > LARGEST {
        return Err(bad(format!("it has {size} bytes, at most {LARGEST} are expected")));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size as usize).map_err(|_| failed(std::io::ErrorKind::OutOfMemory.into()))?;
    // It may grow while it is read.
    file.take(LARGEST).read_to_end(&mut bytes).map_err(failed)?;
    decode(&bytes).map_err(bad)
}

/// The metadata line and all tensors of a file's bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<(String, Vec<NamedTensor>), String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let line = header.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or("it has no metadata of ours")?.clone();
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let tensor = |(name, view): (&str, TensorView<'_>)| {
        if view.dtype() != Dtype::F32 {
            return Err(format!("{name} is {:?}, not F32", view.dtype()));
        }
        let values: Vec<f32> = view.data().chunks_exact(4).map(bytemuck::pod_read_unaligned).collect();
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return Err(format!("{name} holds {bad}"));
        }
        Ok((name.to_owned(), view.shape().to_vec(), values))
    };
    let mut tensors = file.iter().map(tensor).collect::<Result<Vec<_>, _>>()?;
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    Ok((line, tensors))
}

/// A file's bytes.
pub(super) fn encode(line: &str, tensors: &[NamedTensor]) -> Vec<u8> {
    let views = tensors.iter().map(|(name, shape, data)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytemuck::cast_slice(data));
        (name, view.expect("shape and data agree"))
    });
    let metadata = [(KEY.to_owned(), line.to_owned())].into();
    safetensors::serialize(views, Some(metadata)).expect("names are unique")
}
