//! Methods by name, trained or not.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use trapan::classical::Method;

/// A way to fuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// Without training.
    Classical(Method),
    /// TRA-PAN as the paper has it.
    Faithful,
    /// The settings of the run: TRA-PAN from a closed form on, unless they say otherwise.
    Trapan,
}

impl Serialize for Contender {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Contender {
    /// The classical methods, then TRA-PAN.
    pub fn all() -> impl Iterator<Item = Self> {
        Method::ALL.into_iter().map(Self::Classical).chain([Self::Faithful, Self::Trapan])
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Classical(method) => method.name(),
            Self::Faithful => "faithful",
            Self::Trapan => "trapan",
        }
    }

    pub fn parser() -> impl TypedValueParser<Value = Self> {
        PossibleValuesParser::new(Self::all().map(Self::name))
            .map(|name| Self::all().find(|c| c.name() == name).expect("every listed name is a method"))
    }
}
