//! Memory for tensors on a CPU.

use std::ops::{Deref, DerefMut};

/// Zeroed floats that begin on a cache line. An allocator gives 16 bytes; then every
/// register of 64 bytes lies across two lines, which costs a convolution a tenth of its time.
#[derive(Default)]
pub(crate) struct Floats {
    /// The allocator's zeros, which cost nothing until they are touched.
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Floats {
    /// Floats of a cache line.
    const LINE: usize = 16;

    pub(crate) fn zeros(len: usize) -> Self {
        let data = vec![0.0; len + Self::LINE - 1];
        let start = data.as_ptr().align_offset(4 * Self::LINE);
        Self { data, start, len }
    }
}

impl Deref for Floats {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.data[self.start..][..self.len]
    }
}

impl DerefMut for Floats {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..][..self.len]
    }
}
