//! What comes of fusing a scene by several methods.

use std::time::Instant;

use serde::Serialize;

use super::fuser::Fuser;
use super::{CompareError, Contest, FullMaps, FullResult};
use crate::method::{Config, Contender, Watch};
use crate::quality::{Convention, FullScores, ReducedScores, Thumbnail};
use crate::scene::{Scale, Scene};

/// What a method achieves.
#[derive(Serialize)]
pub struct MethodScores {
    /// Which.
    pub method: Contender,
    /// On the scene itself.
    #[serde(flatten)]
    pub at_full: FullResult,
    /// On the scene degraded; nothing if that is too small to train there.
    pub reduced: Option<ReducedScores>,
    /// Time to fuse the scene, training included.
    pub seconds: f64,
    /// Where it distorts the scene.
    #[serde(skip)]
    pub distortions: FullMaps,
    /// Errors at reduced resolution.
    #[serde(skip)]
    pub errors: Option<Thumbnail>,
}

/// What a comparison finds.
#[derive(Serialize)]
pub struct Comparison {
    /// Method by method.
    pub methods: Vec<MethodScores>,
    /// How MS itself, the truth of the degraded scene, scores there without reference; nothing if that is too small.
    pub truth: Option<FullScores>,
}

/// Hears how a comparison goes on. `()` hears nothing.
pub trait Audience {
    /// A method is about to fuse.
    fn next(&mut self, _method: Contender) {}

    /// A method cannot be trained on the degraded scene, of which MS has this width and height.
    fn too_small(&mut self, _size: [usize; 2]) {}

    /// Watches one fusion of so many rows.
    fn watch(&mut self, _rows: usize) -> Box<dyn Watch> {
        Box::new(())
    }
}

impl Audience for () {}

/// Fuses a scene without gaps by some methods and judges the results at full and at reduced resolution. `config` says
/// how the scene is degraded. Each result is kept as [`StoredImage`](crate::scene::StoredImage) while it is judged, so that memory
/// does not grow with the scene but where a method needs all of it.
///
/// # Errors
/// What fusing or judging reports.
pub fn compare(
    scene: &Scene<'_>,
    (scale, config, phase): (&Scale, &Config, Convention),
    fusers: &[Box<dyn Fuser + '_>],
    audience: &mut dyn Audience,
) -> Result<Comparison, CompareError> {
    let contest = Contest::new(scene, scale, config, phase)?;
    let mut methods = Vec::new();
    for fuser in fusers {
        let method = fuser.contender();
        audience.next(method);
        let start = Instant::now();
        let fused = fuser.image(scene, scale, &mut *audience.watch(scene.rows.fine))?;
        let seconds = (start.elapsed() + fuser.spent(scene)).as_secs_f64();
        let (at_full, distortions) = contest.full(&fused)?;
        let possible = matches!(method, Contender::Classical(_)) || contest.is_trainable();
        let (reduced, errors) = if possible {
            let fused = fuser.image(&contest.reduced, scale, &mut *audience.watch(contest.reduced.rows.fine))?;
            Some(contest.against_truth(&fused)?).unzip()
        } else {
            audience.too_small(contest.reduced.ms().size());
            (None, None)
        };
        methods.push(MethodScores { method, at_full, reduced, seconds, distortions, errors });
    }
    let truth = match Contest::check(contest.reduced.rows, contest.reduced.columns, phase) {
        Ok(()) => {
            let below = Contest::new(&contest.reduced, scale, config, phase)?;
            Some(below.full(scene.images()[1])?.0.full)
        }
        Err(_) => None,
    };
    Ok(Comparison { methods, truth })
}
