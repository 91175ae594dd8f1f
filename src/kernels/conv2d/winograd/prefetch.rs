//! Asking for memory ahead of its use.

use super::OUT;
use super::lines::Stack;
use crate::kernels::isa::Simd;

/// A rectangle of an image that will be needed soon: asking for it while products are
/// computed hides the memory behind the arithmetic, which the hardware's own prefetch does
/// not manage across rows: a fifth of a convolution of crops.
pub(super) struct Soon<'a> {
    /// From the first element needed.
    image: &'a [f32],
    pitch: usize,
    /// Cache lines of each row, and of all of them that are left.
    lines: usize,
    left: usize,
    /// Lines to ask for at once: even shares.
    share: usize,
    /// The next line: where its row starts, and its number there.
    row: usize,
    line: usize,
}

impl<'a> Soon<'a> {
    /// Floats of a cache line.
    const LINE: usize = 16;

    /// The columns of `count` tiles from tile `first` on, `rows` rows from `top`, in about
    /// `times` shares.
    pub(super) fn new(
        image: Stack<'a>,
        (top, rows): (usize, usize),
        (first, count): (usize, usize),
        times: usize,
    ) -> Self {
        let Stack { data, w, c } = image;
        let left = (first * OUT).min(w);
        let lines = ((count * OUT).min(w - left) * c).div_ceil(Self::LINE);
        let share = (rows * lines).div_ceil(times);
        let image = data.get((top * w + left) * c..).unwrap_or(&[]);
        Self { image, pitch: w * c, lines, left: rows * lines, share, row: 0, line: 0 }
    }

    /// Asks for the next share. Counting on: a division per line would be a sixth of the time.
    #[inline(always)]
    pub(super) fn prefetch<L: Simd>(&mut self) {
        let mut share = self.share.min(self.left);
        self.left -= share;
        while share > 0 {
            let run = share.min(self.lines - self.line);
            let at = self.image.as_ptr().wrapping_add(self.row + self.line * Self::LINE);
            for k in 0..run {
                // SAFETY: any address may be asked for; this one is computed without overflow.
                unsafe { L::prefetch(at.wrapping_add(k * Self::LINE)) }
            }
            share -= run;
            self.line += run;
            if self.line == self.lines {
                (self.row, self.line) = (self.row + self.pitch, 0);
            }
        }
    }
}
