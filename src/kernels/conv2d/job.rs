//! What a convolution on a CPU is given.

use crate::graph::Shape;

/// One convolution: input, weights and what happens on the way out.
pub(super) struct Work<'a> {
    pub x: &'a [f32],
    pub h: usize,
    pub w: usize,
    pub ci: usize,
    pub co: usize,
    /// `[3, 3, Ci, Co]`.
    pub weights: &'a [f32],
    /// `[Co]`.
    pub bias: &'a [f32],
    pub add: Option<&'a [f32]>,
    pub mask: Option<&'a [f32]>,
    pub relu: bool,
}

impl<'a> Work<'a> {
    /// Without weights, bias or epilogue.
    pub(super) fn new(x: &'a [f32], shape: Shape, co: usize) -> Self {
        let (h, w, ci) = (shape.h(), shape.w(), shape.c());
        Self { x, h, w, ci, co, weights: &[], bias: &[], add: None, mask: None, relu: false }
    }
}

/// Images of a weight gradient.
pub(super) struct GradientImages<'a> {
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub h: usize,
    pub w: usize,
    pub ci: usize,
    pub co: usize,
}
