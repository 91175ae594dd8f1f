//! A closed form whose coefficients are known: what a pixel needs besides its own values.

use serde::{Deserialize, Serialize};

use super::moments::PlaneMoments;
use super::pair::{Pair, ReducedPair};
use super::solve::NormalEquations;
use super::stats::divide;
use super::{ClassicalError, Inputs, Method};

/// An intensity whose variance is below this share of PAN's mean square is made of rounding errors.
const NOTHING: f64 = 1e-20;

/// See [`Form::fit_bounded`].
const LEAST: f64 = 0.25;

/// A method fitted to a pair: from PAN, the upsampled bands and low-pass PAN to the fused bands. Each band
/// stands for itself, so that bands of several forms can be put together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Form {
    /// One per band.
    pub bands: Vec<Band>,
}

/// The closed form of band b, F from PAN P, the upsampled bands L and PL, PAN through the band's MTF.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Band {
    /// `F = L_b + detail · (P − PL) + pan · P + Σ_k bands[k] L_k + constant`.
    Linear {
        /// Of what PAN has more than the band.
        detail: f64,
        /// Of PAN.
        pan: f64,
        /// Of the upsampled bands; none of them where empty.
        bands: Vec<f64>,
        /// In DN.
        constant: f64,
    },
    /// `F = L_b · (P + haze) / (PL + haze)`; where PL + haze is less than `least`, `F = L_b · (1 + (P − PL) / least)`.
    Modulated {
        /// In DN.
        haze: f64,
        /// In DN; none as published.
        #[serde(default)]
        least: Option<f64>,
    },
    /// `F = L_b · (gain · P + constant) / mean(L)`.
    Scaled {
        /// Of PAN.
        gain: f64,
        /// In DN.
        constant: f64,
    },
}

impl Band {
    /// The upsampled band as it is.
    pub(crate) const UPSAMPLED: Self = Self::Linear { detail: 0.0, pan: 0.0, bands: Vec::new(), constant: 0.0 };

    /// Whether it needs PAN through the band's MTF.
    pub(crate) fn needs_low(&self) -> bool {
        match self {
            Self::Linear { detail, .. } => *detail != 0.0,
            Self::Modulated { .. } => true,
            Self::Scaled { .. } => false,
        }
    }
}

impl Form {
    /// Fits methods to windows of one scene: its statistics are those of all their pixels together, in f64.
    /// With one window that is the whole scene each form gives what [`fuse`](super::fuse) gives. What the
    /// methods have in common is computed once, for one window after another.
    ///
    /// # Errors
    /// Those of [`fuse`](super::fuse) for the windows, though one of several may have no valid pixel;
    /// [`ClassicalError::NoForm`] for [`Method::Tv`].
    ///
    /// # Panics
    /// If windows differ in their gains.
    pub fn fit(methods: &[Method], windows: &[Inputs<'_>]) -> Result<Vec<Self>, ClassicalError> {
        let statistics = FitSums::of_all(methods, windows)?;
        Ok(methods.iter().map(|method| statistics.form(*method)).collect())
    }

    /// [`fit`](Self::fit) with no division by less than a quarter of what it is on average: where a band's regression on
    /// PAN meets 0 within the values of PAN, dark pixels become any value.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit).
    ///
    /// # Panics
    /// As [`fit`](Self::fit).
    pub(crate) fn fit_bounded(methods: &[Method], windows: &[Inputs<'_>]) -> Result<Vec<Self>, ClassicalError> {
        let statistics = FitSums::of_all(methods, windows)?;
        let mut forms: Vec<Self> = methods.iter().map(|method| statistics.form(*method)).collect();
        for (b, band) in forms.iter_mut().flat_map(|form| form.bands.iter_mut().enumerate()) {
            if let Band::Modulated { haze, least } = band {
                *least = Some(LEAST * (statistics.full.mean(statistics.low[b]) + *haze)).filter(|least| *least > 0.0);
            }
        }
        Ok(forms)
    }
}

impl FitSums {
    fn of_all(methods: &[Method], windows: &[Inputs<'_>]) -> Result<Self, ClassicalError> {
        if methods.contains(&Method::Tv) {
            return Err(ClassicalError::NoForm { method: Method::Tv });
        }
        let mut statistics: Option<FitSums> = None;
        for window in windows {
            let pair = match Pair::new(window) {
                Err(ClassicalError::NothingValid) => continue,
                pair => pair?,
            };
            let found = FitSums::of(&pair, methods);
            statistics = Some(match statistics {
                Some(before) => before.with(&found),
                None => found,
            });
        }
        statistics.ok_or(ClassicalError::NothingValid)
    }
}

/// Sums that the methods are fitted by.
struct FitSums {
    bands: usize,
    /// Of PAN, the upsampled bands, PAN through every MTF.
    full: PlaneMoments,
    /// Plane in `full` of the PAN of each band's MTF; none if no method asks.
    low: Vec<usize>,
    /// On the grid of MS: the bands, PAN.
    coarse: Option<PlaneMoments>,
    /// One resolution lower: PAN, the bands seen from there, what they lack.
    reduced: Option<PlaneMoments>,
}

impl FitSums {
    fn of(pair: &Pair<'_>, methods: &[Method]) -> Self {
        let bands = pair.lms.len();
        let wanted = |some: &[Method]| methods.iter().any(|method| some.contains(method));
        let (low, of_band) = match wanted(&[Method::MtfGlpFs, Method::MtfGlpHpmR]) {
            true => pair.low_pans(),
            false => (Vec::new(), Vec::new()),
        };
        let full: Vec<_> = [&pair.pan].into_iter().chain(&pair.lms).chain(&low).collect();
        let coarse = wanted(&[Method::Gsa]).then(|| {
            let pan = pair.pan_at_ms();
            PlaneMoments::of(&pair.ms.iter().chain([&pan]).collect::<Vec<_>>(), &pair.ms_valid)
        });
        let reduced = wanted(&[Method::BdsdPc]).then(|| {
            let ReducedPair { pan, truth, low, valid } = pair.reduced();
            let lacking = truth.iter().zip(&low).map(|(g, ml)| g.iter().zip(ml).map(|(g, ml)| g - ml).collect());
            let lacking: Vec<Vec<f64>> = lacking.collect();
            PlaneMoments::of(&[&pan].into_iter().chain(&low).chain(&lacking).collect::<Vec<_>>(), &valid)
        });
        let low = of_band.into_iter().map(|k| 1 + bands + k).collect();
        Self { bands, full: PlaneMoments::of(&full, &pair.valid), low, coarse, reduced }
    }

    fn with(self, other: &Self) -> Self {
        let both = |a: Option<PlaneMoments>, b: &Option<PlaneMoments>| Some(a?.with(b.as_ref()?));
        Self {
            full: self.full.with(&other.full),
            coarse: both(self.coarse, &other.coarse),
            reduced: both(self.reduced, &other.reduced),
            ..self
        }
    }

    fn form(&self, method: Method) -> Form {
        let each = |band: &dyn Fn(usize) -> Band| (0..self.bands).map(band).collect();
        let bands = match method {
            Method::Exp | Method::Tv => vec![Band::UPSAMPLED; self.bands],
            Method::Brovey => vec![self.brovey(); self.bands],
            Method::Gsa => self.gsa(),
            Method::MtfGlpFs => each(&|b| self.full_scale(b)),
            Method::MtfGlpHpmR => each(&|b| self.high_pass_modulation(b)),
            Method::BdsdPc => each(&|b| self.bdsd(b)),
        };
        Form { bands }
    }

    /// Plane of an upsampled band in `full`.
    fn l(band: usize) -> usize {
        1 + band
    }

    fn brovey(&self) -> Band {
        let (full, n) = (&self.full, self.bands as f64);
        let all = || (0..self.bands).map(Self::l);
        let mean = all().map(|l| full.mean(l)).sum::<f64>() / n;
        let variance = all().flat_map(|i| all().map(move |j| (i, j))).map(|(i, j)| full.covariance(i, j)).sum::<f64>();
        let gain = divide(variance.max(0.0).sqrt() / n, full.covariance(0, 0).sqrt()).unwrap_or(0.0);
        Band::Scaled { gain, constant: mean - gain * full.mean(0) }
    }

    fn gsa(&self) -> Vec<Band> {
        let (full, n) = (&self.full, self.bands);
        let coarse = self.coarse.as_ref().expect("gathered for this method");
        let alpha = NormalEquations::of(n, |i, j| coarse.covariance(i, j), |i| coarse.covariance(i, n)).solve();
        let with = |band: usize| (0..n).map(|k| alpha[k] * full.covariance(Self::l(k), band)).sum::<f64>();
        let variance = (0..n).map(|k| alpha[k] * with(Self::l(k))).sum::<f64>();
        // A flat PAN is explained by rounding errors, whose gain would be anything.
        let explains = variance > NOTHING * full.product(0, 0);
        let haze = (0..n).map(|k| alpha[k] * full.mean(Self::l(k))).sum::<f64>() - full.mean(0);
        let band = |b: usize| {
            let gain = if explains { with(Self::l(b)) / variance } else { 0.0 };
            let bands = alpha.iter().map(|a| -gain * a).collect();
            Band::Linear { detail: 0.0, pan: gain, bands, constant: gain * haze }
        };
        (0..n).map(band).collect()
    }

    fn full_scale(&self, band: usize) -> Band {
        let covariance = |plane: usize| self.full.covariance(plane, 0);
        let detail = divide(covariance(Self::l(band)), covariance(self.low[band])).unwrap_or(0.0);
        Band::Linear { detail, pan: 0.0, bands: Vec::new(), constant: 0.0 }
    }

    fn high_pass_modulation(&self, band: usize) -> Band {
        let (full, l, low) = (&self.full, Self::l(band), self.low[band]);
        // Of a flat PAN only the interpolator's ripple would vary.
        let textured = full.covariance(0, 0) > 0.0;
        let gain = divide(full.covariance(l, low), full.covariance(low, low)).filter(|_| textured);
        let haze = gain.and_then(|gain| divide(full.mean(l), gain)).map(|haze| haze - full.mean(0));
        haze.map_or(Band::UPSAMPLED, |haze| Band::Modulated { haze, least: None })
    }

    fn bdsd(&self, band: usize) -> Band {
        let reduced = self.reduced.as_ref().expect("gathered for this method");
        // With the bands negated all of γ is non-negative.
        let sign = |i: usize| if i == 0 { 1.0 } else { -1.0 };
        let gram = |i, j| sign(i) * sign(j) * reduced.product(i, j);
        let right = |i| sign(i) * reduced.product(i, 1 + self.bands + band);
        let gamma = NormalEquations::of(1 + self.bands, gram, right).solve_non_negative();
        let bands = gamma[1..].iter().map(|g| -g).collect();
        Band::Linear { detail: 0.0, pan: gamma[0], bands, constant: 0.0 }
    }
}
