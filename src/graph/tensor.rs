//! Tensors: handles, shapes and roles. No bytes live here.

use std::fmt;

/// Sizes `[N, H, W, C]`, channels last. Flat tensors are `[1, 1, 1, len]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape(pub [usize; 4]);

impl Shape {
    /// A flat tensor of `len` elements.
    pub const fn flat(len: usize) -> Self {
        Self([1, 1, 1, len])
    }

    /// Number of elements.
    pub const fn len(self) -> usize {
        self.0[0] * self.0[1] * self.0[2] * self.0[3]
    }

    /// Whether the tensor has no element.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Number of pixels, `N·H·W`.
    pub const fn pixels(self) -> usize {
        self.0[0] * self.0[1] * self.0[2]
    }

    /// Number of images in the batch.
    pub const fn n(self) -> usize {
        self.0[0]
    }

    /// Rows of one image.
    pub const fn h(self) -> usize {
        self.0[1]
    }

    /// Columns of one image.
    pub const fn w(self) -> usize {
        self.0[2]
    }

    /// Channels of one pixel.
    pub const fn c(self) -> usize {
        self.0[3]
    }

    /// `len` rounded up to the place where the next part of a group starts.
    pub const fn aligned(len: usize) -> usize {
        len.next_multiple_of(ALIGN)
    }

    /// The same images with `c` channels.
    pub const fn with_c(self, c: usize) -> Self {
        Self([self.0[0], self.0[1], self.0[2], c])
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [n, h, w, c] = self.0;
        write!(f, "[{n},{h},{w},{c}]")
    }
}

/// What a tensor is for; decides who may write it and how long it lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Written by the host: images, filter tables.
    Input,
    /// Weights: written by the host once, then by an optimiser.
    Param,
    /// Optimiser state: starts at zero, changed only by its optimiser.
    State,
    /// Gradient of a parameter: lives within one run of a plan.
    Grad,
    /// Intermediate value: lives within one run of a plan, memory is shared.
    Activation,
    /// Written by a plan and kept: read by the host or by later plans.
    Output,
}

/// Handle to one tensor of a [`Program`](super::Program): an index and a shape.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tensor {
    id: u32,
    shape: Shape,
}

impl Tensor {
    pub(super) const fn new(id: usize, shape: Shape) -> Self {
        Self { id: id as u32, shape }
    }

    /// Position in the program's tensor table.
    pub const fn index(self) -> usize {
        self.id as usize
    }

    /// Sizes.
    pub const fn shape(self) -> Shape {
        self.shape
    }
}

/// One row of the tensor table.
#[derive(Clone, Debug)]
pub struct TensorInfo {
    /// Label, reused by buffers, traces and errors.
    pub name: String,
    /// Sizes.
    pub shape: Shape,
    /// What it is for.
    pub role: Role,
    /// For a part of a group: the whole group.
    pub whole: Option<Tensor>,
    /// Physical buffer, set by [`ProgramBuilder::finish`](super::ProgramBuilder::finish).
    pub buffer: usize,
    /// First element within the buffer, aligned as devices ask for.
    pub offset: usize,
}

/// Parts of a group start at multiples of this many elements: 256 bytes, the
/// largest offset alignment a WebGPU adapter may ask for.
const ALIGN: usize = 64;
