//! What one point of the scene shows.

use super::materials::Material;

/// Who owns a point of the ground; decides what may be painted over it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Owner {
    /// Plots, grass, fields: gardens and yards are laid over it.
    Land,
    Water,
    /// Carriageways and pavements, which cut whatever plot reaches below them.
    Road,
}

/// The topmost surface at a point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surface {
    pub layer: Owner,
    /// Mixture of two materials: `mix` 0 is all `a`, 1 is all `b`.
    pub a: Material,
    pub b: Material,
    pub mix: f32,
    /// Brightness of this spot of this object against its material.
    pub(crate) tone: f32,
    /// Direct sunlight by slope; level ground is 1.
    pub light: f32,
    /// Metres above the ground.
    pub height: f32,
}

impl Surface {
    /// Level ground of one mixture.
    pub(super) fn flat(layer: Owner, a: Material, b: Material, mix: f32, tone: f32) -> Surface {
        Surface { layer, a, b, mix: mix.clamp(0.0, 1.0), tone, light: 1.0, height: 0.0 }
    }
    /// Level ground of one material.
    pub(super) fn plain(layer: Owner, material: Material, tone: f32) -> Surface {
        Surface::flat(layer, material, material, 0.0, tone)
    }
}

/// Direction of the light, the same for the whole scene.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sun {
    /// Horizontal unit vector towards the sun.
    pub towards: super::space::Vec2,
    /// Tangent of its elevation.
    pub(crate) rise: f32,
}

impl Sun {
    /// Direct light on a slope that falls by `fall` metres per metre along its steepest direction (`fall` is also a
    /// direction), relative to level ground: n·s / s_z with n = (fall, 1)/|…| and s = (towards, rise)/|…|.
    pub(super) fn light(&self, fall: super::space::Vec2) -> f32 {
        let cosine = (fall.dot(self.towards) + self.rise) / (1.0 + fall.dot(fall)).sqrt();
        cosine.max(0.0) / self.rise
    }
}
