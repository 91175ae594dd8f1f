//! From two images to what a run is given.

use super::config::Profile;
use super::{Config, Coregistration, Gain, Job, MethodError, Request};
use crate::engine::Device;
use crate::remedy::{Note, Remedy};
use crate::scene::{Check, GeometryOptions, Image, Scale, Scene, Survey, off_ms};

/// What to do about a shift between PAN and MS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// Correct it where one shift explains it and the degraded pair is fused better then.
    Auto,
    /// Leave it.
    Off,
    /// Correct it, or fail where one shift does not do.
    Require,
}

/// A scene with all that is settled before a run.
pub struct Preparation<'a> {
    /// The images on each other; what is to be known is among its warnings.
    pub scene: Scene<'a>,
    /// What one pass over it found.
    pub survey: Survey,
    /// The unit of its values.
    pub scale: Scale,
    /// The settings, with gains by the pair where they are asked for or called for.
    pub config: Config,
    /// What was found of those gains, if they were.
    pub gains: Vec<Gain>,
    /// What was found of a shift, if it was looked for.
    pub shift: Option<Coregistration>,
}

impl<'a> Preparation<'a> {
    /// What [`run`](super::run) takes: see [`Job::new`].
    pub fn job<'b>(&'b self, device: &'b Device) -> Job<'b>
    where
        'a: 'b,
    {
        Job::new((&self.scene, &self.survey), &self.scale, &self.config, device)
    }
}

impl Request {
    /// Lays PAN and MS on each other, and corrects a shift between them as asked for, or as the settings' preset has it. With
    /// what was found, if it was looked for.
    ///
    /// # Errors
    /// Those of [`Scene::of`], [`Check::of`], [`Check::corrected`] and [`Coregistration::of`].
    pub fn register<'a>(
        &self,
        [pan, ms]: [&'a dyn Image; 2],
        options: &GeometryOptions,
        config: &Config,
    ) -> Result<(Scene<'a>, Option<Coregistration>), MethodError> {
        let mut scene = Scene::of(pan, ms, options)?;
        let mut check = Check::of(&scene)?;
        let own = if config.profile == Profile::Trapan { Shift::Auto } else { Shift::Off };
        let (mut corrected, mut found) = (None, None);
        match self.shift.unwrap_or(own) {
            Shift::Off => {}
            Shift::Require => {
                let options = check.corrected(options)?;
                corrected = Some((options, format!("PAN is taken to lie {}", off_ms(options.shift))));
            }
            Shift::Auto => {
                let measured = Coregistration::of(&check, &scene, config)?;
                corrected =
                    measured.correction().map(|shift| (GeometryOptions { shift, ..*options }, measured.to_string()));
                found = Some(measured);
            }
        }
        if let Some((options, done)) = corrected {
            scene = Scene::of(pan, ms, &options)?;
            check = Check::of(&scene)?;
            let remedy = Remedy::Coregister;
            scene.warnings.push(Note::with(format!("{done} ({remedy})"), Some(remedy)));
        }
        scene.warnings.extend(check.warnings);
        Ok((scene, found))
    }

    /// [`register`](Self::register), gains of the bands, a survey, and the unit of the values.
    ///
    /// # Errors
    /// Those of all of these, and of [`Scale::new`].
    pub fn prepare<'a>(
        &self,
        images: [&'a dyn Image; 2],
        options: &GeometryOptions,
        config: Config,
    ) -> Result<Preparation<'a>, MethodError> {
        let (mut scene, shift) = self.register(images, options, &config)?;
        let (config, gains) = self.estimated(config, &scene)?;
        let survey = Survey::of(&scene)?;
        scene.warnings.extend(survey.warnings.iter().cloned());
        let scale = self.scale(&scene, &survey)?;
        Ok(Preparation { scene, survey, scale, config, gains, shift })
    }

    /// How the values of a scene are scaled.
    ///
    /// # Errors
    /// Those of [`Scale::new`].
    pub fn scale(&self, scene: &Scene<'_>, survey: &Survey) -> Result<Scale, MethodError> {
        let scale = Scale::new(scene, survey, self.bit_depth)?;
        Ok(if self.profile() == Profile::Paper { scale.by_depth() } else { scale })
    }
}
