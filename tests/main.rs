//! The verification ladder, each rung independent of the one below. What crosses rooms is here, by room; unit tests
//! stand beside the code.

#![expect(unreachable_pub, reason = "one binary: `pub` is what its modules share")]

mod cli;
mod engine;
mod examples;
mod fixture;
mod method;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod pinned;
mod quality;
mod report;
mod rooms;
mod scene;
mod support;
mod tiff;
