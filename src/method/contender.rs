//! Ways to fuse, by name.

use serde::Serialize;

use crate::classical::Method;

/// The name of a way to fuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contender {
    /// Without training.
    Classical(Method),
    /// TRA-PAN as the paper has it.
    Faithful,
    /// ZS-Pan as its program runs it.
    ZsPan,
    /// The settings of the run: TRA-PAN from a closed form on, unless they say otherwise.
    #[default]
    Trapan,
}

impl Serialize for Contender {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Contender {
    /// The classical methods, then those that train.
    pub fn all() -> impl Iterator<Item = Self> {
        Method::ALL.into_iter().map(Self::Classical).chain([Self::Faithful, Self::ZsPan, Self::Trapan])
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classical(method) => method.name(),
            Self::Faithful => "faithful",
            Self::ZsPan => "zs-pan",
            Self::Trapan => "trapan",
        }
    }
}
