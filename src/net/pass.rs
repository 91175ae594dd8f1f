//! What a pass through a network has in hand: layers that are yet to be used, and what is kept.

use super::backbone::{Acts, Fusion, Statistics};
use crate::graph::{PlanBuilder, Shape, Tensor};

const AS_MANY: &str = "the layers of the description";

/// A forward pass.
pub(super) struct Forward<'a> {
    layers: std::slice::Iter<'a, Tensor>,
    statistics: Statistics<'a>,
    /// Names of the statistics, in order.
    names: Vec<String>,
    /// What the way back needs.
    pub(super) acts: Vec<Tensor>,
}

impl<'a> Forward<'a> {
    pub(super) fn new(net: &'a Fusion, statistics: Statistics<'a>) -> Self {
        let names = net.shape().statistics().into_iter().map(|(name, _)| name).collect();
        Self { layers: net.layers.iter(), statistics, names, acts: Vec::new() }
    }

    /// The next layers.
    pub(super) fn next<const N: usize>(&mut self) -> [Tensor; N] {
        std::array::from_fn(|_| *self.layers.next().expect(AS_MANY))
    }

    /// One of the statistics: whether it is given, and where it is.
    pub(super) fn statistic(&self, p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> (bool, Tensor) {
        let at = || self.names.iter().position(|of| of == name).expect("a statistic of the description");
        match self.statistics {
            Statistics::Taken => (false, p.activation(name, shape)),
            Statistics::Kept(to) => (false, to[at()]),
            Statistics::Given(all) => (true, all[at()]),
        }
    }
}

/// A backward pass: layers and gradients that are yet to be used, from the last to the first, and what was kept.
pub(super) struct Backward<'a> {
    layers: &'a [Tensor],
    grads: &'a [Tensor],
    pub(super) acts: Acts,
}

impl<'a> Backward<'a> {
    pub(super) fn new(net: &'a Fusion, grads: &'a Fusion, acts: Acts) -> Self {
        Self { layers: &net.layers, grads: &grads.layers, acts }
    }

    /// The last layers that are left, and where their gradients go.
    pub(super) fn next<const N: usize>(&mut self) -> ([Tensor; N], [Tensor; N]) {
        let [layers, grads] = [&mut self.layers, &mut self.grads].map(|all| {
            let (rest, last) = all.split_last_chunk().expect(AS_MANY);
            *all = rest;
            *last
        });
        (layers, grads)
    }
}
