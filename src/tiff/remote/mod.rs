//! Images that lie elsewhere: what an address is, and reading what lies there.
//!
//! An address travels as a path does, so that nobody else need know of it; what is shown of it has no query, which may
//! be a signature. The reading itself comes with the feature `cloud`.

mod address;
mod error;
#[cfg(feature = "cloud")]
mod object;
#[cfg(feature = "cloud")]
mod store;

use std::{collections::HashSet, path::PathBuf};

use super::{
    TiffError,
    input::{Bytes, Version},
};
pub(super) use address::Address;
pub use address::{is_address, placed, shown};
pub use error::RemoteError;

/// Opens what lies at an address; of it about as much is fetched as the tags of an image take.
#[cfg(feature = "cloud")]
pub(super) fn open(address: &Address) -> Result<(Box<dyn Bytes>, Version), TiffError> {
    let object = object::Object::open(address).map_err(|e| TiffError::reading(&address.shown(), e))?;
    let version = object.version.clone();
    Ok((Box::new(object), version))
}

/// Which of these addresses lead to something; one round of questions.
#[cfg(feature = "cloud")]
pub(super) fn there(addresses: Vec<PathBuf>) -> Result<HashSet<PathBuf>, TiffError> {
    let asked = addresses.iter().filter_map(|path| Some((path.clone(), Address::of(path)?))).collect();
    let first = addresses.first().map(|path| shown(path)).unwrap_or_default();
    object::there(asked).map_err(|e| TiffError::reading(&first, e))
}

#[cfg(not(feature = "cloud"))]
pub(super) fn open(address: &Address) -> Result<(Box<dyn Bytes>, Version), TiffError> {
    Err(TiffError::Remote { path: address.shown(), source: RemoteError::NoFeature })
}

#[cfg(not(feature = "cloud"))]
pub(super) fn there(_: Vec<PathBuf>) -> Result<HashSet<PathBuf>, TiffError> {
    Ok(HashSet::new())
}
