//! The program as its users meet it.

mod disks;
mod info;
mod limits;
mod many;
mod outputs;
mod printing;
pub mod program;
mod remedies;
#[cfg(feature = "cloud")]
mod remote;
mod schemas;
mod shell;
mod stac;
