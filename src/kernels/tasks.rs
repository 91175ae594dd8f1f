//! Images cut into tasks.

use rayon::prelude::*;

/// Pixels one task works on, of kernels that do some operations per value.
const PIXELS: usize = 1 << 9;

/// Runs `per_task` on the image, the first pixel in it, and the values of each task's pixels of images `[N, pixels, C]`.
pub(super) fn by_pixels(out: &mut [f32], [pixels, c]: [usize; 2], per_task: impl Fn(usize, usize, &mut [f32]) + Sync) {
    out.par_chunks_mut(pixels * c).enumerate().for_each(|(image, out)| {
        let tasks = out.par_chunks_mut(PIXELS * c).enumerate();
        tasks.for_each(|(task, out)| per_task(image, task * PIXELS, out));
    });
}
