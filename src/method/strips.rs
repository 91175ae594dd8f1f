//! Strips that are read, computed and handed on at the same time.

use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;

use super::MethodError;
use super::apply::{FusedRows, Sink};
use crate::tiff::TiffError;

/// Goes through strips in their order: the next one is read and the one before handed on while one is computed.
/// `compute` gives rows with the number of rows done so far, which `observe` hears of; it may break off.
///
/// # Errors
/// What reading, computing or the sink reports; [`MethodError::Interrupted`].
pub(super) fn pass<S: Send, T: Send>(
    strips: Vec<S>,
    read: impl Fn(S) -> Result<T, TiffError> + Send,
    mut compute: impl FnMut(T) -> Result<(usize, FusedRows), MethodError>,
    sink: &mut Sink<'_>,
    observe: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(), MethodError> {
    std::thread::scope(|scope| {
        let (send, ready) = sync_channel(1);
        // Handed over: one strip is computed while the one before is taken, and none waits between.
        let (give, given) = sync_channel::<FusedRows>(0);
        scope.spawn(move || {
            for strip in strips {
                // The other end is gone once something else has failed.
                if send.send(read(strip)).is_err() {
                    break;
                }
            }
        });
        let writer = scope.spawn(move || given.into_iter().try_for_each(sink));
        let mut all = || -> Result<(), MethodError> {
            for strip in &ready {
                let (done, rows) = compute(strip?)?;
                if give.send(rows).is_err() {
                    break;
                }
                if observe(done).is_break() {
                    return Err(MethodError::Interrupted);
                }
            }
            Ok(())
        };
        let computed = all();
        drop((ready, give));
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Where the sink failed, that is why computing stopped.
        written?;
        computed
    })
}
