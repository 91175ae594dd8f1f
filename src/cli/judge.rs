//! A comparison as the command line asks for it.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use trapan::compare::{Audience, BetterForm, CLOSED_FORM, Comparison, compare, fuser, gate as better_than};
use trapan::engine::Device;
use trapan::method::config::Profile;
use trapan::method::{Config, Contender, Run, Watch};
use trapan::quality::Convention;
use trapan::scene::{Scale, Scene};

use super::progress::Bar;
use super::{CliError, Talk};

/// A way to fuse, by its name.
pub(super) fn contender() -> impl TypedValueParser<Value = Contender> {
    PossibleValuesParser::new(Contender::all().map(Contender::name))
        .map(|name| Contender::all().find(|c| c.name() == name).expect("every listed name is a method"))
}

/// A scene without gaps and how it is fused and judged.
pub(super) struct Judge<'a> {
    pub scene: &'a Scene<'a>,
    pub scale: &'a Scale,
    /// Of the run.
    pub config: &'a Config,
    pub phase: Convention,
    pub device: &'a Device,
    /// What has been trained on the scene already.
    pub run: Option<&'a Run>,
    pub talk: Talk,
}

impl Judge<'_> {
    /// All methods but ZS-Pan; the paper's once, if the run has its settings.
    pub(super) fn contenders(&self) -> impl Iterator<Item = Contender> {
        let own = self.config.profile == Profile::Faithful;
        Contender::all()
            .filter(move |contender| *contender != Contender::ZsPan && !(own && *contender == Contender::Faithful))
    }

    /// The closed-form methods and what was trained: enough for [`gate`].
    pub(super) fn for_gate() -> impl Iterator<Item = Contender> {
        CLOSED_FORM.into_iter().map(Contender::Classical).chain([Contender::Trapan])
    }

    /// Fuses by some methods and judges the results.
    pub(super) fn compare(&self, contenders: impl IntoIterator<Item = Contender>) -> Result<Comparison, CliError> {
        let learnt = self.run.map(|run| (self.scene, run));
        let fuser = |contender| fuser(contender, (self.scene, self.scale), self.config, self.device, learnt);
        let fusers: Vec<_> = contenders.into_iter().map(fuser).collect();
        Ok(compare(self.scene, (self.scale, self.config, self.phase), &fusers, &mut Heard(self.talk))?)
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
pub(super) fn gate(comparison: &Comparison, talk: Talk) -> Result<(), CliError> {
    match better_than(comparison) {
        None => Ok(()),
        Some((names, Some(BetterForm { method, own, other }))) => Err(CliError::Gate { method, names, own, other }),
        Some((names, None)) => {
            talk.say(format_args!(
                "quality gate passed: no closed-form method is better both in {} and in {}",
                names[0], names[1]
            ));
            Ok(())
        }
    }
}
