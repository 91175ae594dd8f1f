//! Which runs a study is made of.

use serde::{Deserialize, Serialize};

use super::Study;
use crate::method::Config;
use crate::method::config::{Backbone, Init, Keep, Order, Paradigm, Sampling, WarmUp};
use crate::method::prior::Course;
use crate::method::schedule;

/// What makes an image of a pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Settings; without epochs a closed form.
    pub settings: Config,
    /// Checksum of the file of a network that has learnt elsewhere and is applied as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Scale of the pair that is learnt from: 1 is its own, each further one degraded once more.
    #[serde(default = "own_scale", skip_serializing_if = "is_own")]
    pub scale: u32,
    /// How to learn from the truth at that scale, instead of without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
}

fn own_scale() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_own(scale: &u32) -> bool {
    *scale == 1
}

impl From<Config> for Recipe {
    fn from(settings: Config) -> Self {
        Self { settings, network: None, scale: own_scale(), course: None }
    }
}

/// What the studies of a pair vary, and what there is to vary.
#[derive(Clone, Debug)]
pub struct StudyPlan {
    /// The settings that each study changes in one thing.
    pub base: Config,
    /// Methods by name, for Table 1.
    pub methods: Vec<(String, Config)>,
    /// Networks that have learnt elsewhere: name and checksum.
    pub networks: Vec<(String, String)>,
    /// Scales at which the truth is known.
    pub supervised: Vec<u32>,
    /// Scales at which results can be judged without a truth.
    pub judged: Vec<u32>,
}

/// Steps of a course for each epoch of the settings: 2,000 for 250.
const STEPS_PER_EPOCH: u32 = 8;

impl StudyPlan {
    /// The rows of a study with a seed: their names and what to run. Each differs from the base in one thing.
    pub fn rows(&self, study: Study, seed: u64) -> Vec<(String, Recipe)> {
        let base = Config { seed, ..self.base.clone() };
        let with = |name: &str, change: &dyn Fn(&mut Config)| {
            let mut config = base.clone();
            change(&mut config);
            (name.to_owned(), Recipe::from(config))
        };
        let warm_up = |name, kind| with(name, &move |c| c.warm_up = kind);
        let sampling = |name, kind| with(name, &move |c| c.sampling = kind);
        let order = |name, order| {
            with(name, &move |c| {
                c.order = order;
                // No full loss follows the reduced steps, so that the best full loss is before them.
                c.keep = if order == Order::FullReduced { Keep::Last } else { c.keep };
            })
        };
        let paradigm = |name, kind| with(name, &move |c| c.paradigm = kind);
        match study {
            Study::Paradigms => {
                let updates = schedule::plan(&base).len() as u32;
                let alone = |name, paradigm| {
                    with(name, &move |c| {
                        (c.paradigm, c.epochs, c.warm_up, c.full_probability) = (paradigm, updates, WarmUp::None, 1.0);
                    })
                };
                vec![
                    paradigm("a, full only", Paradigm::Full),
                    alone("a', full only, as many steps as d", Paradigm::Full),
                    paradigm("b, reduced only", Paradigm::Reduced),
                    alone("b', reduced only, as many steps as d", Paradigm::Reduced),
                    paradigm("c, reduced then full", Paradigm::Serial),
                    order("c', full then reduced", Order::FullReduced),
                    paradigm("d, TRA-PAN", Paradigm::Alternating),
                ]
            }
            Study::Methods => {
                let seeded = |(name, config): &(String, Config)| {
                    let seed = if config.trains() { seed } else { self.base.seed };
                    (name.clone(), Config { seed, ..config.clone() }.into())
                };
                let network = |(name, checksum): &(String, String)| {
                    let recipe = Recipe { network: Some(checksum.clone()), ..self.base.clone().into() };
                    (name.clone(), recipe)
                };
                self.methods.iter().map(seeded).chain(self.networks.iter().map(network)).collect()
            }
            Study::WarmUp => vec![
                warm_up("w Full", WarmUp::Full),
                warm_up("w Reduced", WarmUp::Reduced),
                warm_up("w/o Warmup", WarmUp::None),
            ],
            Study::Order => vec![
                order("Alternating", Order::Alternating),
                order("Full/Reduced", Order::FullReduced),
                order("Reduced/Full", Order::ReducedFull),
            ],
            Study::Sampling => vec![
                sampling("Always Reduced", Sampling::AlwaysReduced),
                sampling("Always Full", Sampling::AlwaysFull),
                sampling("Random", Sampling::Random),
            ],
            Study::WarmUpEpochs => {
                [0, 5, 10, 20, 40, 80].map(|m| with(&format!("m = {m}"), &move |c| c.warm_up_epochs = m)).into()
            }
            Study::DamWidth => {
                [8, 16, 32, 64, 128].map(|d| with(&format!("d = {d}"), &move |c| c.dam_width = d)).into()
            }
            Study::FullProbability => [0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0]
                .map(|p| with(&format!("p = {p}"), &move |c| c.full_probability = p))
                .into(),
            Study::Backbones => Backbone::NAMES
                .iter()
                .map(|name| {
                    with(name, &|c| {
                        c.set("backbone", name).expect("a backbone has its name");
                        // Only one of them comes with a network that has learnt.
                        c.init = Init::Random;
                    })
                })
                .collect(),
            Study::Scales => {
                let steps = STEPS_PER_EPOCH * base.epochs;
                let course = Course { patch: super::LEAST, patches: 8, steps, every: steps.div_ceil(20) };
                let recipe =
                    |scale: &u32| Recipe { scale: *scale, course: Some(course.clone()), ..base.clone().into() };
                self.supervised.iter().map(|scale| (format!("trained at {scale}"), recipe(scale))).collect()
            }
            Study::Commutation => {
                let recipe = |scale: &u32| Recipe { scale: *scale, ..base.clone().into() };
                self.judged.iter().map(|scale| (format!("scale {scale}"), recipe(scale))).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::config::{Profile, Sensor};
    use crate::method::schedule::Branch;

    fn plan() -> StudyPlan {
        let base = Config::new(Sensor::Wv3, Profile::Faithful, 8).expect("8 bands");
        StudyPlan { base, methods: Vec::new(), networks: Vec::new(), supervised: vec![1, 2], judged: vec![1] }
    }

    /// Steps of a row: reduced, full.
    fn steps(row: &(String, Recipe)) -> [usize; 2] {
        let steps = schedule::plan(&row.1.settings);
        let full = steps.iter().filter(|step| step.branch == Branch::Full).count();
        [steps.len() - full, full]
    }

    #[test]
    fn paradigms_have_the_steps_of_alternation() {
        for seed in 0..5 {
            let rows = plan().rows(Study::Paradigms, seed);
            let [reduced, full] = steps(rows.last().expect("d"));
            assert!(reduced == 230 && (180..220).contains(&full), "{reduced} {full}");
            let wanted = [
                [0, full],
                [0, reduced + full],
                [reduced, 0],
                [reduced + full, 0],
                [reduced, full],
                [reduced, full],
                [reduced, full],
            ];
            let found: Vec<_> = rows.iter().map(steps).collect();
            assert_eq!(found, wanted, "seed {seed}");
            // One stage after the other in c and c', by turns in d.
            let firsts = rows.iter().map(|(_, recipe)| {
                let steps = schedule::plan(&recipe.settings);
                let changes = steps.windows(2).filter(|pair| pair[0].branch != pair[1].branch).count();
                (steps[0].branch, changes)
            });
            let firsts: Vec<_> = firsts.collect();
            assert_eq!(firsts[4], (Branch::Reduced, 1));
            assert_eq!(firsts[5], (Branch::Full, 1));
            assert!(firsts[6].1 > 100, "{firsts:?}");
        }
    }

    #[test]
    fn rows_have_names_of_their_own_and_valid_settings() {
        let plan = plan();
        for study in Study::ALL {
            let rows = plan.rows(study, 3);
            let mut names: Vec<_> = rows.iter().map(|(name, _)| name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), rows.len(), "{study:?}");
            if let Some(own) = study.own().filter(|_| study != Study::Methods) {
                let (_, recipe) = rows.iter().find(|(name, _)| name == own).expect("the method's own row");
                assert_eq!(*recipe, Config { seed: 3, ..plan.base.clone() }.into(), "{study:?}");
            }
            rows.iter().for_each(|(_, recipe)| recipe.settings.check(8).expect("valid"));
        }
        assert_eq!(plan.rows(Study::Backbones, 0).len(), Backbone::NAMES.len());
    }

    /// A log of an older version has settings alone.
    #[test]
    fn a_recipe_of_settings_alone_is_read_and_written_as_such() {
        let recipe = Recipe::from(plan().base);
        let text = serde_json::to_value(&recipe).expect("plain values");
        assert_eq!(text.as_object().map(serde_json::Map::len), Some(1));
        assert_eq!(serde_json::from_value::<Recipe>(text).expect("the same"), recipe);
    }
}
