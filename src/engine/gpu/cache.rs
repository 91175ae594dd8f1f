//! Compiled kernels on disk, from one process to the next.
//!
//! Many drivers keep a store of their own, but not all, and not everywhere: a container
//! starts with an empty one each time.

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Gpu;

/// Bytes of the digest at the start of a file.
const DIGEST: usize = 32;

/// The compiled forms of one set of kernels on one adapter: one file.
pub(super) struct Cache {
    handle: wgpu::PipelineCache,
    file: PathBuf,
    /// What the file holds, besides the driver's bytes, to be believed.
    key: [u8; DIGEST],
    found: bool,
}

impl Cache {
    /// Reads the file of these kernels, if there is a sound one.
    pub(super) fn open<'a>(gpu: &Gpu, folder: &Path, texts: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let adapter = gpu.adapter();
        let mut hash = Sha256::new();
        let about = [env!("CARGO_PKG_VERSION"), &adapter.name, &adapter.backend, &adapter.driver];
        for text in about.into_iter().chain(texts.flat_map(|(key, text)| [key, text])) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let key: [u8; DIGEST] = hash.finalize().into();
        let name: String = key[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let file = folder.join(format!("{name}.kernels"));
        // A file that is absent, cut off, changed or another's is as good as none.
        let data = std::fs::read(&file).ok().and_then(|bytes| {
            let (digest, data) = bytes.split_at_checked(DIGEST)?;
            (digest == seal(&key, data)).then(|| data.to_vec())
        });
        let descriptor =
            wgpu::PipelineCacheDescriptor { label: Some("kernels"), data: data.as_deref(), fallback: true };
        // SAFETY: the digest says that `get_data` gave these bytes to this version of this
        // program on this adapter; wgpu and the driver check their own headers besides.
        let handle = unsafe { gpu.device().create_pipeline_cache(&descriptor) };
        Self { handle, file, key, found: data.is_some() }
    }

    /// What pipelines are created with.
    pub(super) fn handle(&self) -> &wgpu::PipelineCache {
        &self.handle
    }

    /// Writes the file unless it was there; whether it was.
    pub(super) fn close(self) -> bool {
        if !self.found {
            // Without it the next process compiles again: no reason to fail this one.
            let _ = self.write();
        }
        self.found
    }

    fn write(&self) -> std::io::Result<()> {
        let Some(data) = self.handle.get_data() else { return Ok(()) };
        let folder = self.file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&seal(&self.key, &data))?;
        file.write_all(&data)?;
        file.persist(&self.file)?;
        Ok(())
    }
}

/// Digest over the key and the driver's bytes.
fn seal(key: &[u8; DIGEST], data: &[u8]) -> [u8; DIGEST] {
    Sha256::new().chain_update(key).chain_update(data).finalize().into()
}
