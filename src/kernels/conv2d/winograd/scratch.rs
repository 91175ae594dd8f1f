//! Memory of a task, kept by its thread.

use std::cell::RefCell;

use crate::kernels::Floats;

#[derive(Default)]
struct Scratch {
    work: Floats,
    /// Never written.
    zeros: Floats,
}

thread_local! {
    /// Kept between calls: a fresh one would cost more page faults than a row of tiles takes.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs `f` on `len` floats of scratch, whose values are whatever was left there, and on
/// `zeros` zeros.
pub(super) fn with_scratch<R>(len: usize, zeros: usize, f: impl FnOnce(&mut [f32], &[f32]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.work.len() < len {
            scratch.work = Floats::zeros(len);
        }
        if scratch.zeros.len() < zeros {
            scratch.zeros = Floats::zeros(zeros);
        }
        f(&mut scratch.work[..len], &scratch.zeros)
    })
}
