//! The library's errors as exceptions: the class tells what sort, the text is the library's.

use pyo3::exceptions::PyException;
use pyo3::{PyErr, create_exception};
use trapan::cli::CliError;

create_exception!(_trapan, TrapanError, PyException, "Whatever trapan refuses or cannot do.");
create_exception!(
    _trapan,
    UsageError,
    TrapanError,
    "An argument that is out of range, or that does not go with others."
);
create_exception!(_trapan, InputError, TrapanError, "An image that cannot be read or is not supported.");
create_exception!(_trapan, GeometryError, TrapanError, "Images that do not fit together.");
create_exception!(_trapan, DeviceError, TrapanError, "No usable device, or one that failed.");
create_exception!(_trapan, MemoryLimitError, TrapanError, "Not enough memory.");
create_exception!(_trapan, DivergedError, TrapanError, "A training that diverged.");
create_exception!(_trapan, OutputError, TrapanError, "A file that exists, is an input or cannot be written.");

/// What a call of ours ends with.
pub type Result<T> = std::result::Result<T, Failure>;

/// An error of the library, or one of Python's that came up on the way.
pub enum Failure {
    Ours(Box<CliError>),
    Python(PyErr),
}

impl<E: Into<CliError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Ours(Box::new(error.into()))
    }
}

impl Failure {
    /// An argument that is wrong.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Python(UsageError::new_err(text.into()))
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        let error = match failure {
            Failure::Python(error) => return error,
            Failure::Ours(error) => error,
        };
        let text = error.plain();
        match error.exit_code() {
            2 => UsageError::new_err(text),
            3 => InputError::new_err(text),
            4 => GeometryError::new_err(text),
            5 => DeviceError::new_err(text),
            6 => MemoryLimitError::new_err(text),
            7 => DivergedError::new_err(text),
            8 => OutputError::new_err(text),
            _ => TrapanError::new_err(text),
        }
    }
}
