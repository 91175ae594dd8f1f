//! Methods by name, trained or not.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use trapan::classical::Method;

/// A way to fuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Contender {
    /// Without training.
    Classical(Method),
    /// TRA-PAN.
    #[serde(serialize_with = "trapan_name")]
    Trapan,
}

const TRAPAN: &str = "trapan";

fn trapan_name<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(TRAPAN)
}

impl Contender {
    /// The classical methods, then TRA-PAN.
    pub fn all() -> impl Iterator<Item = Self> {
        Method::ALL.into_iter().map(Self::Classical).chain([Self::Trapan])
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Classical(method) => method.name(),
            Self::Trapan => TRAPAN,
        }
    }

    pub fn parser() -> impl TypedValueParser<Value = Self> {
        PossibleValuesParser::new(Self::all().map(Self::name))
            .map(|name| Self::all().find(|c| c.name() == name).expect("every listed name is a method"))
    }
}
