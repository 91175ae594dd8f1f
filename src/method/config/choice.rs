//! Settings that are one of a few.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::classical::Method;

/// An enum whose values have names: in model files, in reports and for users.
macro_rules! choice {
    ($($(#[$about:meta])* pub enum $choice:ident { $($(#[$what:meta])* $value:ident = $name:literal,)+ })+) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $choice {
            $($(#[$what])* #[serde(rename = $name)] $value,)+
        }

        impl $choice {
            /// The names of all, in order.
            pub const NAMES: &[&str] = &[$($name),+];

            /// All, in order.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }
        }

        impl $crate::method::config::setting::Value for $choice {
            const NAMES: &'static [&'static str] = $choice::NAMES;

            fn show(&self) -> String {
                self.name().to_owned()
            }

            fn read(text: &str) -> Result<Self, String> {
                let found = Self::ALL.iter().find(|choice| choice.name() == text);
                found.copied().ok_or_else(|| format!("{text} is none of {}", Self::NAMES.join(", ")))
            }
        }

        impl std::fmt::Display for $choice {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    )+};
}

pub(super) use choice;

choice! {
    /// Which set of decisions a run starts from (method, sections 4 and 5).
    pub enum Profile {
        /// The method's schedule from a closed form on, with all that makes the image better.
        Trapan = "trapan",
        /// The method as the paper has it, at the true geometry.
        Faithful = "faithful",
        /// As the published codes ran it: interp23, hardly degraded reduced pairs, reduced rate 1e-3.
        Paper = "paper",
    }

    /// How the reduced-resolution pair is made (method, section 5).
    pub enum Reduced {
        /// Degrade the multispectral image, upsample it again.
        Wald = "wald",
        /// Degrade the already upsampled image.
        AsRun = "asrun",
    }

    /// What the first epochs train on (Table 2 of the paper).
    pub enum WarmUp {
        /// Full resolution only.
        Full = "full",
        /// Reduced resolution only.
        Reduced = "reduced",
        /// No warm-up.
        None = "none",
    }

    /// Order of full and reduced steps (Table 3).
    pub enum Order {
        /// Epoch by epoch.
        Alternating = "alternating",
        /// All full steps, then all reduced ones.
        FullReduced = "full-reduced",
        /// All reduced steps, then all full ones.
        ReducedFull = "reduced-full",
    }

    /// Which branch chance decides on (Table 4).
    pub enum Sampling {
        /// A reduced step in every epoch, a full step by chance.
        AlwaysReduced = "always-reduced",
        /// A full step in every epoch, a reduced step by chance.
        AlwaysFull = "always-full",
        /// One of the two by chance.
        Random = "random",
    }

    /// What the fusion network learns from, and when (Fig. 2 of the paper).
    #[derive(Default)]
    pub enum Paradigm {
        /// Full and reduced steps by turns, as order and sampling have them.
        #[default]
        Alternating = "alternating",
        /// The full steps alone that alternation would draw.
        Full = "full",
        /// The reduced steps alone that alternation would draw.
        Reduced = "reduced",
        /// Reduced steps, then full ones from the best weights of those on.
        Serial = "serial",
    }

    /// Where a reduced step looks.
    pub enum Crops {
        /// At some of ten fixed crops, upright.
        Ten = "ten",
        /// Anywhere, from any of eight sides; full steps from any side too.
        Random = "random",
    }

    /// How much time the result is worth.
    pub enum Effort {
        /// No training: the best closed form, then the consistency step.
        Fast = "fast",
        /// Few epochs from a network that has learnt before.
        Quick = "quick",
        /// The method's epochs.
        Default = "default",
        /// More epochs, and the scene seen from all eight sides whatever its size.
        Best = "best",
    }

    /// Which weights make the result.
    pub enum Keep {
        /// Those after the epoch with the lowest full-resolution loss.
        Best = "best",
        /// Those after the last epoch.
        Last = "last",
        /// The exponential mean over epochs, of the epoch that is best on withheld ground.
        Mean = "mean",
    }
}

/// What the network adds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// Upsampled MS, from random weights on, as FusionNet has it.
    None,
    /// The closed form that is best on withheld ground, band by band; the last layer starts at zero.
    Auto,
    /// This closed form; the last layer starts at zero.
    #[serde(untagged)]
    Form(Method),
}

/// What the fusion network starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Random weights.
    #[default]
    Random,
    /// What simulated places have taught, where a network of the kind comes with the program
    /// ([`Prior::shipped`](crate::method::Prior::shipped)); else random weights.
    Auto,
    /// A file that [`Prior::load`](crate::method::Prior::load) reads.
    #[serde(untagged)]
    File(PathBuf),
}

impl Init {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Random | Self::Auto => None,
        }
    }
}

/// How far the consistency step goes: see [`consistency`](crate::consistency).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// No step.
    Off,
    /// Band by band as the degraded pair and the noise in MS advise.
    Auto,
    /// This ν for every band.
    #[serde(untagged)]
    Nu(f64),
}

impl std::str::FromStr for Consistency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "auto" => Ok(Self::Auto),
            number => match number.parse() {
                Ok(nu) if nu > 0.0 && f64::is_finite(nu) => Ok(Self::Nu(nu)),
                _ => Err("must be off, auto or a number above 0".into()),
            },
        }
    }
}
