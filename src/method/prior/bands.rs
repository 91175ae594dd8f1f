//! A network for another number of bands than it has learnt with.

use super::Prior;
use crate::net::Layer;

/// Bands of two images in their order, each of the fewer beside as many of the others as it must.
struct Pairs {
    own: usize,
    wanted: usize,
}

impl Pairs {
    /// Of the network, of the scene.
    fn all(&self) -> impl Iterator<Item = (usize, usize)> {
        let most = self.own.max(self.wanted);
        (0..most).map(move |i| (i * self.own / most, i * self.wanted / most))
    }

    /// One over how many pairs have a band.
    fn share(&self, has: impl Fn((usize, usize)) -> bool) -> f32 {
        1.0 / self.all().filter(|pair| has(*pair)).count() as f32
    }

    /// A layer that sees the scene's bands, of one or of several images.
    fn seeing(&self, layer: &mut Layer) {
        let (taps, images) = (layer.shape[2] * layer.shape[3], layer.shape[1] / self.own);
        let mut weight = vec![0.0; layer.shape[0] * images * self.wanted * taps];
        for (own, wanted) in self.all() {
            let share = self.share(|pair| pair.0 == own);
            let seen = layer.weight.chunks_exact(self.own * taps);
            for (to, from) in weight.chunks_exact_mut(self.wanted * taps).zip(seen) {
                add(&mut to[wanted * taps..], &from[own * taps..][..taps], share);
            }
        }
        (layer.shape[1], layer.weight) = (images * self.wanted, weight);
    }

    /// A layer that ends in the scene's bands.
    fn ending(&self, layer: &mut Layer) {
        let len = layer.weight.len() / self.own;
        let (mut weight, mut bias) = (vec![0.0; self.wanted * len], vec![0.0; self.wanted]);
        for (own, wanted) in self.all() {
            let share = self.share(|pair| pair.1 == wanted);
            add(&mut weight[wanted * len..], &layer.weight[own * len..][..len], share);
            add(&mut bias[wanted..], &layer.bias[own..=own], share);
        }
        (layer.shape[0], layer.weight, layer.bias) = (self.wanted, weight, bias);
    }
}

fn add(to: &mut [f32], from: &[f32], share: f32) {
    to.iter_mut().zip(from).for_each(|(to, value)| *to += share * value);
}

impl Prior {
    /// The same network for another number of bands: of the fewer, each stands for as many of the others as it must. It
    /// does what it did with an image whose bands are repeated, or are means of others. For networks that see bands in the
    /// first layer alone and end in them.
    pub(super) fn of_bands(mut self, bands: usize) -> Self {
        if bands == self.bands {
            return self;
        }
        let pairs = Pairs { own: self.bands, wanted: bands };
        self.fusion.first_mut().into_iter().for_each(|layer| pairs.seeing(layer));
        self.fusion.last_mut().into_iter().for_each(|layer| pairs.ending(layer));
        let gain = self.config.ms_gains[0];
        self.config.ms_gains.resize(bands, gain);
        Self { bands, ..self }
    }
}
