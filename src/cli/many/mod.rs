//! Many scenes, and huge ones, on whatever engine runs commands: a manifest says what is to be done, a task does one entry of
//! it, and a record beside each result says that it is done.

mod error;
mod learn;
pub(crate) mod manifest;
pub(crate) mod plan;
mod record;
mod scenes;
pub(crate) mod status;
pub(crate) mod task;

pub use error::ManyError;
