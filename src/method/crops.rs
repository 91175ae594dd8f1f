//! The places the small steps look at: ten fixed ones, TenCrop (method, section 5), or any.

use rand_chacha::ChaCha8Rng;

use super::schedule;

/// `[row, column, flip, 0]`, as [`Step::crops`](crate::kernels::Step) holds it.
pub type Crop = [u32; 4];

/// Number of crops.
pub(crate) const CROPS: usize = 10;

/// Size of a crop of an `h × w` image: half of it, rounded down.
pub(crate) const fn crop_size(h: usize, w: usize) -> (usize, usize) {
    (h / 2, w / 2)
}

/// Crops anywhere in an `h × w` image, half of them flipped on average.
pub(crate) fn random_crops(rng: &mut ChaCha8Rng, h: usize, w: usize, count: usize) -> Vec<Crop> {
    let (ch, cw) = crop_size(h, w);
    let mut below = |n: usize| schedule::below(rng, n) as u32;
    (0..count).map(|_| [below(h - ch + 1), below(w - cw + 1), below(2), 0]).collect()
}

/// The four corners and the centre, then the same five flipped left-right.
pub fn ten_crop(h: usize, w: usize) -> [Crop; CROPS] {
    let (ch, cw) = crop_size(h, w);
    let (bottom, right) = ((h - ch) as u32, (w - cw) as u32);
    // torchvision's centre: half rounds to even, as Python's `round` does.
    let half = |free: u32| (f64::from(free) / 2.0).round_ties_even() as u32;
    let places = [(0, 0), (0, right), (bottom, 0), (bottom, right), (half(bottom), half(right))];
    std::array::from_fn(|i| {
        let (row, column) = places[i % 5];
        [row, column, u32::from(i >= 5), 0]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{data, list, sizes};

    #[test]
    fn ten_crop_is_torchvision_s() {
        let golden = data("golden.json");
        for (size, wanted) in golden["ten_crops"].as_object().expect("an object") {
            let (h, w) = size.split_once('x').expect("two sizes");
            let found = ten_crop(h.parse().expect("a number"), w.parse().expect("a number"));
            for (found, wanted) in found.iter().zip(list(wanted)) {
                let wanted = sizes(wanted);
                assert_eq!(found[..3].iter().map(|v| *v as usize).collect::<Vec<_>>(), wanted, "{size}");
            }
        }
    }
}
