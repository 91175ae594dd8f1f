//! The `trapan` program.
fn main() {}
