//! Which step comes when: the random alternation, drawn before training starts.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::config::{Config, Order, Sampling, WarmUp};

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
pub struct Planned {
    /// Epoch that drew it, from 1.
    pub epoch: u32,
    /// Branch.
    pub branch: Branch,
}

/// All steps of the alternating stage, in the order they run (Algorithm 1 and the
/// variants of Tables 2 to 4). A coin is drawn in every epoch, warm-up included.
pub fn plan(config: &Config) -> Vec<Planned> {
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
            steps.extend(drawn.then_some(Planned { epoch, branch }));
        }
    }
    match config.order {
        Order::Alternating => {}
        Order::FullReduced => steps.sort_by_key(|s| s.branch == Branch::Reduced),
        Order::ReducedFull => steps.sort_by_key(|s| s.branch == Branch::Full),
    }
    steps
}
