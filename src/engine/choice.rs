//! What a user may ask of a device: its forms of the kernels.

use std::fmt;
use std::str::FromStr;

/// Numbers that convolutions multiply; sums, images and weights are f32 in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// f32: f16 has not been measured on hardware yet, neither its speed nor that its
    /// results stay within the spread of f32.
    #[default]
    Auto,
    /// f32.
    F32,
    /// f16, through cooperative matrices, where the adapter has them.
    F16,
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            _ => Err("must be auto, f32 or f16".into()),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::F16 => "f16",
        })
    }
}

/// How a GPU computes convolutions in f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convolution {
    /// With fewer multiplications where the channels fit, directly elsewhere.
    #[default]
    Winograd,
    /// As the sum of nine products, to compare.
    Direct,
}

impl FromStr for Convolution {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "winograd" => Ok(Self::Winograd),
            "direct" => Ok(Self::Direct),
            _ => Err("must be winograd or direct".into()),
        }
    }
}

impl fmt::Display for Convolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Winograd => "winograd",
            Self::Direct => "direct",
        })
    }
}
