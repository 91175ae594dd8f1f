//! The networks that come with the program.

use std::cmp::Reverse;

use super::Prior;
use crate::method::config::Init;
use crate::method::weights_file;
use crate::method::{Config, MethodError};

/// As `trapan train` wrote them: method, section 5.2, has the commands.
const FILES: [&[u8]; 3] = [
    include_bytes!("shipped/bands4.safetensors"),
    include_bytes!("shipped/bands8.safetensors"),
    include_bytes!("shipped/bands8-ratio2.safetensors"),
];

impl Prior {
    /// The networks that come with the program: of 4 and of 8 bands at ratio 4, of 8 at ratio 2. They have learnt from
    /// simulated places alone, of all sensors with so many bands.
    ///
    /// # Panics
    /// If one of them is damaged: a mistake of this crate.
    pub fn shipped() -> impl Iterator<Item = Self> {
        FILES.into_iter().map(|bytes| {
            let (line, tensors) = weights_file::decode(bytes).expect("a weights file");
            Self::of_file(&line, &tensors).expect("whole").expect("a prior")
        })
    }

    /// What a training with these settings starts from, if not from random weights: [`Config::init`].
    ///
    /// # Errors
    /// Of a file that is named: those of [`load`](Self::load) and of [`check`](Self::check).
    pub fn asked_for(config: &Config, bands: usize, ratio: usize) -> Result<Option<Self>, MethodError> {
        match &config.init {
            Init::Random => Ok(None),
            Init::Auto => {
                let suited = Self::shipped().filter(|prior| prior.check(config, prior.bands, ratio).is_ok());
                let closest = suited.min_by_key(|prior| (prior.bands != bands, Reverse(prior.bands)));
                Ok(closest.map(|prior| prior.of_bands(bands)))
            }
            Init::File(path) => {
                let prior = Self::load(path)?;
                prior.check(config, bands, ratio)?;
                Ok(Some(prior))
            }
        }
    }
}
