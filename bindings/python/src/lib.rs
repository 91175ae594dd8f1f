//! `trapan._trapan`: the library's calls on arrays and files. What a user sees is written in Python around it.

mod error;
mod fuse;
mod image;
mod judge;
mod model;
mod simulate;
mod watch;

use pyo3::prelude::*;

/// Runs a command line, as the program does, and gives its exit code.
#[pyfunction]
fn run_line(py: Python<'_>, args: Vec<std::ffi::OsString>) -> u8 {
    py.detach(|| trapan::cli::run_line(args))
}

#[pymodule]
mod _trapan {
    #[pymodule_export]
    use super::error::{
        DeviceError, DivergedError, GeometryError, InputError, MemoryLimitError, OutputError, TrapanError, UsageError,
    };
    #[pymodule_export]
    use super::fuse::{Fused, fuse};
    #[pymodule_export]
    use super::image::{Image, open_product};
    #[pymodule_export]
    use super::judge::{assess, assess_truth, compare, info};
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::run_line;
    #[pymodule_export]
    use super::simulate::simulate;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
