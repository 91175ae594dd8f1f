//! How good an image is, and which method is better.

mod assess;
mod compare;
mod experiment;
mod indices;
