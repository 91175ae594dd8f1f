//! What the paper asks.

use serde::{Deserialize, Serialize};

/// A table or a figure of the paper or of its supplement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Study {
    /// Fig. 2: what a network learns from, and when.
    Paradigms,
    /// Table 1: methods beside each other.
    Methods,
    /// Table 2: warm-up at full resolution, at reduced, none.
    WarmUp,
    /// Table 3: order of full and reduced steps.
    Order,
    /// Table 4: which branch chance decides on.
    Sampling,
    /// Figs. 5 and 6: epochs of the warm-up, `m`.
    WarmUpEpochs,
    /// Fig. 7: hidden width of the degradation network, `d`.
    DamWidth,
    /// Figs. 8 and 9: probability of a full step, `p`.
    FullProbability,
    /// Table 5: which network fuses.
    Backbones,
    /// Fig. 1 of the supplement: networks trained with truth on a coarser scale, at the pair's own.
    Scales,
    /// Eq. 1 of the supplement: whether both degradations commute.
    Commutation,
}

impl Study {
    /// In the order of the paper.
    pub const ALL: [Self; 11] = [
        Self::Paradigms,
        Self::Methods,
        Self::WarmUp,
        Self::Order,
        Self::Sampling,
        Self::WarmUpEpochs,
        Self::DamWidth,
        Self::FullProbability,
        Self::Backbones,
        Self::Scales,
        Self::Commutation,
    ];

    /// The names of all, in order.
    pub const NAMES: &[&str] = &[
        "paradigms",
        "methods",
        "warm-up",
        "order",
        "sampling",
        "warm-up-epochs",
        "dam-width",
        "full-probability",
        "backbones",
        "scales",
        "commutation",
    ];

    /// Where the paper has it, and what it varies.
    pub fn title(self) -> &'static str {
        match self {
            Self::Paradigms => "Fig. 2: paradigms",
            Self::Methods => "Table 1: methods",
            Self::WarmUp => "Table 2: warm-up strategies",
            Self::Order => "Table 3: training order strategies",
            Self::Sampling => "Table 4: random sampling strategies",
            Self::WarmUpEpochs => "Fig. 5: warm-up epochs m",
            Self::DamWidth => "Fig. 7: hidden width d of the degradation network",
            Self::FullProbability => "Fig. 8: sampling ratio p",
            Self::Backbones => "Table 5: backbones",
            Self::Scales => "Supplement, Fig. 1: scale of the training",
            Self::Commutation => "Supplement, Eq. 1: the degradations in either order",
        }
    }

    /// What its rows are.
    pub fn rows_are(self) -> &'static str {
        match self {
            Self::Paradigms => "paradigm",
            Self::Methods => "method",
            Self::WarmUp | Self::Order | Self::Sampling => "strategy",
            Self::WarmUpEpochs | Self::DamWidth | Self::FullProbability => "value",
            Self::Backbones => "backbone",
            Self::Scales | Self::Commutation => "scale",
        }
    }

    /// The row that is the method as the paper has it, to which others are held.
    pub fn own(self) -> Option<&'static str> {
        match self {
            Self::Paradigms => Some("d, TRA-PAN"),
            Self::Methods => Some("faithful"),
            Self::WarmUp => Some("w Full"),
            Self::Order => Some("Alternating"),
            Self::Sampling => Some("Always Reduced"),
            Self::Backbones => Some("fusionnet"),
            _ => None,
        }
    }
}
