//! What can be wrong with manifests and what is planned from.

use std::path::PathBuf;

/// Why a manifest is not written, or an entry not done.
#[derive(Debug, thiserror::Error)]
pub enum ManyError {
    /// Scenes to plan with that are none.
    #[error("{path}: {what}; {fix}", path = .path.display())]
    Scenes {
        /// Folder, list or collection.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do.
        fix: &'static str,
    },
    /// Options behind `--` that are none of `fuse`.
    #[error("behind -- only options of fuse can stand, no files and no -o: an entry of a manifest has its own")]
    PlanOptions,
    /// An entry that is not in the manifest.
    #[error("--index {index}: {path} has entries 0 to {last}", path = .path.display())]
    NoEntry {
        /// The manifest.
        path: PathBuf,
        /// Entry asked for.
        index: usize,
        /// The last there is.
        last: usize,
    },
    /// An entry reads what is not there yet.
    #[error("entry {index} reads what entry {on} writes, which is not done: run that first")]
    Waits {
        /// The entry.
        index: usize,
        /// What it waits for.
        on: usize,
    },
    /// Entries that are not done.
    #[error("{path}: {left} of {all} entries are not done; `trapan task` with the same manifest goes on", path = .path.display())]
    Unfinished {
        /// The manifest.
        path: PathBuf,
        /// Entries that are not done.
        left: usize,
        /// All.
        all: usize,
    },
    /// A file in the place of an entry's output that no task has written.
    #[error("{path}: exists, and no task has written it; move it away, or give the entry another output", path = .path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
}

impl ManyError {
    /// The documented exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::PlanOptions | Self::NoEntry { .. } => 2,
            Self::Scenes { .. } => 3,
            Self::NotOurs { .. } => 8,
            Self::Waits { .. } | Self::Unfinished { .. } => 10,
        }
    }
}
