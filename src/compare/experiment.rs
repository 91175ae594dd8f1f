//! The paper's ablations as lists of settings.

use serde::{Deserialize, Serialize};

use crate::method::Config;
use crate::method::config::{Keep, Order, Sampling, WarmUp};

/// An ablation: what it varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Study {
    /// Table 2: warm-up at full resolution, at reduced, none.
    WarmUp,
    /// Table 3: order of full and reduced steps.
    Order,
    /// Table 4: which branch chance decides on.
    Sampling,
    /// Fig. 5: epochs of the warm-up, `m`.
    WarmUpEpochs,
    /// Fig. 7: hidden width of the degradation network, `d`.
    DamWidth,
    /// Fig. 8: probability of a full step, `p`.
    FullProbability,
}

impl Study {
    /// In the order of the paper.
    pub const ALL: [Self; 6] =
        [Self::WarmUp, Self::Order, Self::Sampling, Self::WarmUpEpochs, Self::DamWidth, Self::FullProbability];

    /// Where the paper has it, and what it varies.
    pub fn title(self) -> &'static str {
        match self {
            Self::WarmUp => "Table 2: warm-up strategies",
            Self::Order => "Table 3: training order strategies",
            Self::Sampling => "Table 4: random sampling strategies",
            Self::WarmUpEpochs => "Fig. 5: warm-up epochs m",
            Self::DamWidth => "Fig. 7: hidden width d of the degradation network",
            Self::FullProbability => "Fig. 8: sampling ratio p",
        }
    }

    /// The rows: the paper's name and the settings, which differ from `base` in this one thing.
    pub fn variants(self, base: &Config) -> Vec<(String, Config)> {
        let with = |name: String, change: &dyn Fn(&mut Config)| {
            let mut config = base.clone();
            change(&mut config);
            (name, config)
        };
        let warm_up = |name: &str, kind| with(name.into(), &move |c| c.warm_up = kind);
        let order = |name: &str, order| {
            with(name.into(), &move |c| {
                c.order = order;
                // No full loss follows the reduced steps, so that the best full loss is before them.
                c.keep = if order == Order::FullReduced { Keep::Last } else { c.keep };
            })
        };
        let sampling = |name: &str, kind| with(name.into(), &move |c| c.sampling = kind);
        match self {
            Self::WarmUp => vec![
                warm_up("w Full", WarmUp::Full),
                warm_up("w Reduced", WarmUp::Reduced),
                warm_up("w/o Warmup", WarmUp::None),
            ],
            Self::Order => vec![
                order("Alternating", Order::Alternating),
                order("Full/Reduced", Order::FullReduced),
                order("Reduced/Full", Order::ReducedFull),
            ],
            Self::Sampling => vec![
                sampling("Always Reduced", Sampling::AlwaysReduced),
                sampling("Always Full", Sampling::AlwaysFull),
                sampling("Random", Sampling::Random),
            ],
            Self::WarmUpEpochs => {
                [0, 5, 10, 20, 40, 80].map(|m| with(format!("m = {m}"), &move |c| c.warm_up_epochs = m)).into()
            }
            Self::DamWidth => [8, 16, 32, 64, 128].map(|d| with(format!("d = {d}"), &move |c| c.dam_width = d)).into(),
            Self::FullProbability => [0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0]
                .map(|p| with(format!("p = {p}"), &move |c| c.full_probability = p))
                .into(),
        }
    }
}
