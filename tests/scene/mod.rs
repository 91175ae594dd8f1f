//! Pairs: how images lie on each other, what they hold, where they come from.

mod agreement;
mod fills;
mod geometry;
mod pair;
mod products;
mod registration;
mod town;
mod values;
