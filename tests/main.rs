//! The verification ladder, each rung independent of the one below.

mod support;

// Rung 2: outside numbers.
mod golden;
mod reference;
// Rung 3: finite differences.
mod gradients;
