//! Files: what is read, what is written, and what damage does.

mod beside;
mod bounds;
pub mod cog;
mod creation;
mod damage;
mod layouts;
mod lists;
mod pictures;
mod reading;
#[cfg(feature = "cloud")]
mod remote;
pub mod writing;
