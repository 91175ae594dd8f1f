//! Why the files of a folder cannot be fused as they are.

use std::path::PathBuf;

use crate::remedy::{Note, Remedy};
use crate::tiff::{ErrorClass, TiffError};

/// An error of finding the files of a product.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProductError {
    /// A file cannot be read.
    #[error(transparent)]
    Tiff(#[from] TiffError),
    /// A folder whose product cannot be fused as it is.
    #[error("{}: {what}; {fix}", path.display())]
    Folder {
        /// The folder, or a metadata file.
        path: PathBuf,
        /// The reason.
        what: String,
        /// What to do.
        fix: Note,
    },
}

impl ProductError {
    /// The class of the error.
    pub fn kind(&self) -> ErrorClass {
        match self {
            Self::Tiff(error) => error.kind(),
            Self::Folder { .. } => ErrorClass::Input,
        }
    }

    /// What to do, where it has a name.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Tiff(error) => error.remedy(),
            Self::Folder { fix, .. } => fix.remedy.clone(),
        }
    }
}
