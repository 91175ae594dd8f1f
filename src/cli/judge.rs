//! A comparison as the command line asks for it.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use trapan::compare::{
    Audience, Better, CLOSED_FORM, Classical, Comparison, Contender, Fuser, Learner, compare, gate as better_than,
};
use trapan::engine::Device;
use trapan::method::config::Profile;
use trapan::method::{Config, Run, Watch};
use trapan::quality::Convention;
use trapan::scene::{Pair, Scale};

use super::progress::Bar;
use super::{CliError, Talk};

/// A way to fuse, by its name.
pub fn contender() -> impl TypedValueParser<Value = Contender> {
    PossibleValuesParser::new(Contender::all().map(Contender::name))
        .map(|name| Contender::all().find(|c| c.name() == name).expect("every listed name is a method"))
}

/// A pair in memory and how it is fused and judged.
pub struct Judge<'a> {
    pub pair: &'a Pair,
    pub scale: &'a Scale,
    /// Of the run, and the paper's.
    pub configs: [&'a Config; 2],
    pub phase: Convention,
    pub device: &'a Device,
    /// What has been trained on the pair already.
    pub run: Option<&'a Run>,
    pub talk: Talk,
}

impl Judge<'_> {
    /// All methods; the paper's once, if the run has its settings.
    pub fn contenders(&self) -> impl Iterator<Item = Contender> {
        let own = self.configs[0].profile == Profile::Faithful;
        Contender::all().filter(move |contender| !own || *contender != Contender::Faithful)
    }

    /// The closed-form methods and what was trained: enough for [`gate`].
    pub fn for_gate() -> impl Iterator<Item = Contender> {
        CLOSED_FORM.into_iter().map(Contender::Classical).chain([Contender::Trapan])
    }

    /// Fuses by some methods and judges the results.
    pub fn compare(&self, contenders: impl IntoIterator<Item = Contender>) -> Result<Comparison, CliError> {
        let fusers: Vec<_> = contenders.into_iter().map(|contender| self.fuser(contender)).collect();
        Ok(compare(self.pair, (self.scale, self.configs[0], self.phase), &fusers, &mut Heard(self.talk))?)
    }

    fn fuser(&self, contender: Contender) -> Box<dyn Fuser + '_> {
        let [config, faithful] = self.configs;
        let learner = |config, run: Option<_>| {
            let learnt = run.map(|run| (self.pair, run));
            Box::new(Learner { contender, config, scale: self.scale, device: self.device, learnt })
        };
        match contender {
            Contender::Classical(method) => Box::new(Classical { method, config }),
            Contender::Faithful => learner(faithful, None),
            Contender::Trapan => learner(config, self.run),
        }
    }
}

/// Tells of a comparison on the terminal.
struct Heard(Talk);

impl Audience for Heard {
    fn next(&mut self, method: Contender) {
        self.0.detail(format_args!("{} …", method.name()));
    }

    fn too_small(&mut self, [w, h]: [usize; 2]) {
        self.0.say(format_args!("note: no training at reduced resolution, where MS is only {w}x{h}"));
    }

    fn watch(&mut self, rows: usize) -> Box<dyn Watch> {
        Box::new(Bar::new(rows, self.0))
    }
}

/// Fails if a closed-form method is better than what was trained.
pub fn gate(comparison: &Comparison, talk: Talk) -> Result<(), CliError> {
    match better_than(comparison) {
        None => Ok(()),
        Some((names, Some(Better { method, own, other }))) => Err(CliError::Gate { method, names, own, other }),
        Some((names, None)) => {
            talk.say(format_args!(
                "quality gate passed: no closed-form method is better both in {} and in {}",
                names[0], names[1]
            ));
            Ok(())
        }
    }
}
