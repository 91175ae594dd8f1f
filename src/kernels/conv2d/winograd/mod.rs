//! Winograd's F(4×4, 3×3): 36 multiplications for 16 outputs instead of 144.
//!
//! `Y = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ x B) ] A` on 6×6 tiles of input and 4×4 tiles of output, with
//! the points 0, ±5/8, ±3/2, ∞ (Lavin and Gray, arXiv 1509.09308). Under the ⊙ stands, for
//! each of the 36 places, a matrix product over the channels of a batch of tiles. The
//! weight gradient is the adjoint in `w` of the same form: `dw = Gᵀ [ Σ (Bᵀ x B) ⊙
//! (A dy Aᵀ) ] G`. Channels-last makes every transform a run of whole registers.
//!
//! A chunk of tiles goes through in three passes. Down the columns, image rows become six
//! lines per row of tiles. Along one line after the other, a few tiles at a time: transform,
//! six products, transform back; the tiles stay in the first cache, and so do the weights of
//! the line's six places. Down the columns again, six lines become image rows.
//!
//! Error at 32→32, relative to the result's rms: 6e-6 at worst, twice that of the direct sum.
//! What else was tried, and what each choice gains, stands in `doc/notes-compute.md`.

mod forward;
mod lines;
mod prefetch;
mod product;
mod scratch;
mod transform;
mod weight;

pub(super) use weight::weight_gradient;

/// Side of an output tile.
const OUT: usize = 4;
/// Side of an input tile, and of the transformed domain.
const IN: usize = 6;
/// Places of the transformed domain.
const PLACES: usize = IN * IN;
/// Floats between places, or between lines, beyond their own: without them they would lie
/// multiples of 4 KB apart, in the same few sets of the first cache, four times as slow.
const SKEW: usize = 16;

/// Calls a function of the level on the side that has `$channels`, of the narrower level
/// where they do not fill its registers.
macro_rules! side {
    ($level:ident, $channels:expr, $body:ident($($arg:expr),* $(,)?)) => {
        if $channels.is_multiple_of($level::LANES) {
            $body::<$level>($($arg),*)
        } else {
            $body::<$level::Narrow>($($arg),*)
        }
    };
}
use side;

/// Tiles that go through the passes together.
#[derive(Clone, Copy)]
struct Chunk {
    /// Tiles side by side.
    across: usize,
    /// Rows of tiles: several where an image is narrow.
    down: usize,
}

impl Chunk {
    /// Their lines, 100 KB per 32 channels, and the weights, 147 KB, share the second cache
    /// with the pixels that come and go; with 64 the weight gradient takes 14 % longer.
    const TILES: usize = 32;

    /// For images `w` pixels wide.
    fn new(w: usize) -> Self {
        let across = w.div_ceil(OUT).min(Self::TILES);
        Self { across, down: Self::TILES / across }
    }

    /// Length of a line of input: the tiles' columns and one on each side.
    fn line(self, channels: usize) -> usize {
        (OUT * self.across + 2) * channels
    }
}
