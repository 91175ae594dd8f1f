//! Which step comes when: the random alternation, drawn before training starts.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::config::{Config, Order, Paradigm, Sampling, WarmUp};
use super::crops::CROPS;

/// Independent random streams of one seed: an option that draws more from one does
/// not shift the others.
#[derive(Clone, Copy, Debug)]
pub enum Randomness {
    /// Initial weights of the fusion network.
    FusionInit = 0,
    /// Initial weights of the degradation network.
    DamInit = 1,
    /// Order of the crops in each epoch of the degradation network.
    DamOrder = 2,
    /// Full or reduced, epoch by epoch.
    Coin = 3,
    /// Crops of the reduced steps.
    Picks = 4,
    /// Samples of the degradation network's epochs.
    DamSamples = 5,
    /// Samples of the alternating stage's epochs.
    Samples = 6,
    /// Windows of a scene that become samples.
    Windows = 7,
    /// Places of random crops.
    Places = 8,
    /// Symmetries that steps see the pair by.
    Turns = 9,
    /// Patches of many pairs to learn from.
    Patches = 10,
    /// Patches of other pairs to judge by.
    Judged = 11,
}

/// The generator of one stream: ChaCha with 8 rounds.
pub fn rng(seed: u64, stream: Randomness) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}

/// A number below `n`; 64 bits onto so few values: the bias is below 1e-15.
pub fn below(rng: &mut ChaCha8Rng, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// `count` different numbers below `of`, in random order (Fisher–Yates).
pub fn draw(rng: &mut ChaCha8Rng, of: usize, count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..of).collect();
    for i in 0..count {
        let j = i + below(rng, of - i);
        numbers.swap(i, j);
    }
    numbers.truncate(count);
    numbers
}

/// Samples epoch by epoch: every one once in a round, each round in an order of its own.
pub struct Rounds {
    rng: ChaCha8Rng,
    of: usize,
    round: Vec<usize>,
}

impl Rounds {
    /// Rounds over `of` samples.
    pub fn new(seed: u64, stream: Randomness, of: usize) -> Self {
        Self { rng: rng(seed, stream), of, round: Vec::new() }
    }

    /// The sample of the next epoch.
    pub fn draw(&mut self) -> usize {
        if self.round.is_empty() {
            self.round = draw(&mut self.rng, self.of, self.of);
        }
        self.round.pop().expect("at least one sample")
    }
}

/// The crops of the reduced steps, of the ten.
pub struct Picks {
    rng: ChaCha8Rng,
    batch: usize,
    /// What is left of an epoch that goes once over the crops.
    left: Option<Vec<usize>>,
}

impl Picks {
    /// By turns every step draws anew; otherwise an epoch goes over the crops in an order of its own.
    pub fn new(config: &Config) -> Self {
        let left = (config.paradigm != Paradigm::Alternating).then(Vec::new);
        Self { rng: rng(config.seed, Randomness::Picks), batch: config.batch, left }
    }

    /// Crops of the next step.
    pub fn draw(&mut self) -> Vec<usize> {
        let Some(left) = &mut self.left else { return draw(&mut self.rng, CROPS, self.batch) };
        if left.len() < self.batch {
            *left = draw(&mut self.rng, CROPS, CROPS);
        }
        left.drain(..self.batch).collect()
    }
}

/// Branch of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// On crops of the degraded pair.
    Reduced,
    /// On the whole pair.
    Full,
}

/// A step to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduledStep {
    /// Epoch that drew it, from 1.
    pub epoch: u32,
    /// Branch.
    pub branch: Branch,
}

/// All steps of the fusion network, in the order they run: Algorithm 1, the variants of Tables 2 to 4, or another of the
/// paradigms of Fig. 2.
pub fn plan(config: &Config) -> Vec<ScheduledStep> {
    if config.paradigm == Paradigm::Serial && config.full_epochs > 0 {
        return in_stages(config);
    }
    let mut steps = drawn(config);
    match config.paradigm {
        Paradigm::Alternating => {}
        Paradigm::Full => steps.retain(|s| s.branch == Branch::Full),
        Paradigm::Reduced => steps.retain(|s| s.branch == Branch::Reduced),
        Paradigm::Serial => steps.sort_by_key(|s| s.branch == Branch::Full),
    }
    steps
}

/// Epochs of reduced steps, each once over the crops but for what does not fill a step, then epochs of one full step.
fn in_stages(config: &Config) -> Vec<ScheduledStep> {
    let reduced = config.epochs - config.full_epochs;
    let step = |branch| move |epoch| ScheduledStep { epoch, branch };
    let once_over = |epoch| std::iter::repeat_n(step(Branch::Reduced)(epoch), CROPS / config.batch);
    (1..=reduced).flat_map(once_over).chain((reduced + 1..=config.epochs).map(step(Branch::Full))).collect()
}

/// The steps that chance draws, and in the order of Table 3. A coin is drawn in every epoch, warm-up included.
fn drawn(config: &Config) -> Vec<ScheduledStep> {
    let mut coin = rng(config.seed, Randomness::Coin);
    let mut steps = Vec::new();
    for epoch in 1..=config.epochs {
        let heads = (coin.next_u64() >> 11) as f64 / ((1u64 << 53) as f64) < config.full_probability;
        let warming = config.warm_up != WarmUp::None && epoch <= config.warm_up_epochs;
        let (reduced, full) = match (warming, config.warm_up, config.sampling) {
            (true, WarmUp::Reduced, _) => (true, false),
            (true, ..) => (false, heads),
            (false, _, Sampling::AlwaysReduced) => (true, heads),
            (false, _, Sampling::AlwaysFull) => (heads, true),
            (false, _, Sampling::Random) => (!heads, heads),
        };
        for (branch, drawn) in [(Branch::Reduced, reduced), (Branch::Full, full)] {
            steps.extend(drawn.then_some(ScheduledStep { epoch, branch }));
        }
    }
    match config.order {
        Order::Alternating => {}
        Order::FullReduced => steps.sort_by_key(|s| s.branch == Branch::Reduced),
        Order::ReducedFull => steps.sort_by_key(|s| s.branch == Branch::Full),
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::config::{Profile, Sensor};

    #[test]
    fn paradigms_take_the_same_steps() {
        let with = |paradigm| {
            let faithful = Config::new(Sensor::Qb, Profile::Faithful, 4).expect("4 bands");
            plan(&Config { paradigm, seed: 3, ..faithful })
        };
        let of =
            |steps: &[ScheduledStep], branch| steps.iter().copied().filter(|s| s.branch == branch).collect::<Vec<_>>();
        let both = with(Paradigm::Alternating);
        let [reduced, full] = [Branch::Reduced, Branch::Full].map(|branch| of(&both, branch));
        assert!(full.len() > 150 && reduced.len() == 245, "{} {}", full.len(), reduced.len());
        assert_eq!(with(Paradigm::Full), full);
        assert_eq!(with(Paradigm::Reduced), reduced);
        assert_eq!(with(Paradigm::Serial), [reduced, full].concat());
    }

    #[test]
    fn zs_pan_has_as_many_steps_as_its_programs() {
        let count = |config: &Config| {
            let steps = plan(config);
            let full = steps.iter().filter(|s| s.branch == Branch::Full).count();
            assert!(steps.is_sorted_by_key(|s| s.epoch) && steps.is_sorted_by_key(|s| s.branch == Branch::Full));
            [steps.len() - full, full]
        };
        let published = Config::zs_pan(Sensor::Wv3, vec![0.3; 8]);
        assert_eq!(count(&published), [80, 50]);
        let first = Config { epochs: 200, batch: 1, lr_reduced: 5e-4, ..published };
        assert_eq!(count(&first), [1500, 50]);
    }
}
