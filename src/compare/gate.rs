//! Whether a training was worth it.

use super::{Comparison, MethodScores};
use crate::classical::Method;
use crate::method::Contender;

/// Closed-form methods that a trained result must not fall behind.
pub const CLOSED_FORM: [Method; 5] =
    [Method::Brovey, Method::Gsa, Method::MtfGlpFs, Method::MtfGlpHpmR, Method::BdsdPc];

/// A closed-form method that is better than what was trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetterForm {
    /// The best of those that are.
    pub method: Method,
    /// Error and quality of what was trained.
    pub own: [f64; 2],
    /// Both of that method.
    pub other: [f64; 2],
}

/// What a comparison is judged by, an error and a quality, and the closed-form method that is better in both than what
/// was trained, if there is one. By Wald's protocol, where a truth is known, if the pair is large enough to train
/// there: in ERGAS and Q2n. Else without reference: in what degrading gives back, and in HQNR. `None` if
/// nothing was trained.
pub fn gate(comparison: &Comparison) -> Option<([&'static str; 2], Option<BetterForm>)> {
    let line = |method: Contender| comparison.methods.iter().find(|line| line.method == method);
    let own = line(Contender::Trapan)?;
    let measures = |line: &MethodScores| match (&own.reduced, &line.reduced) {
        (Some(_), Some(scores)) => [scores.ergas, scores.q2n],
        _ => [line.at_full.consistency.ergas, line.at_full.full.hqnr],
    };
    let names = if own.reduced.is_some() {
        ["ERGAS by Wald's protocol", "Q2n"]
    } else {
        ["ERGAS of the result degraded again", "HQNR"]
    };
    let [error, quality] = measures(own);
    let others = CLOSED_FORM.into_iter().filter_map(|method| Some((method, line(Contender::Classical(method))?)));
    let better = others.map(|(method, line)| (method, measures(line))).filter(|(_, m)| m[0] < error && m[1] > quality);
    let best = better.min_by(|a, b| a.1[0].total_cmp(&b.1[0]));
    Some((names, best.map(|(method, other)| BetterForm { method, own: [error, quality], other })))
}
