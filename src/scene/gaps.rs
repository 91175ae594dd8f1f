//! Gaps of nodata filled with what is near, so that filters beside them read nothing that is far off.

use rayon::prelude::*;

/// Pixels from a gap's pixel to the furthest value that it is filled with: more than half the width of a gap of
/// Landsat 7's broken scan line corrector.
const REACH: usize = 32;
/// Rows and columns around an image that its gaps may be filled with.
pub(crate) const AROUND: [usize; 2] = [REACH, 2 * REACH];

/// A value and how many pixels it lies away.
type Near = Option<(usize, usize)>;

/// Replaces invalid pixels of `[n, C]` values by the means of the bands.
pub(crate) fn fill(data: &mut [f32], valid: Option<&[bool]>, means: &[f32]) {
    let Some(valid) = valid else { return };
    data.chunks_exact_mut(means.len())
        .zip(valid)
        .filter(|(_, v)| !**v)
        .for_each(|(pixel, _)| pixel.copy_from_slice(means));
}

/// Replaces invalid pixels of an image `[h, width, C]` by what lies near.
///
/// A pixel takes the linear interpolation of the next valid ones above and below, and that of those to the left and
/// to the right, weighed by how near they are: exact on a plane within a stripe. One that sees none
/// along its column and row takes what its row was filled with so far, and one that sees none there `usual`. The value
/// of a pixel depends on nothing further off than [`AROUND`] says, wherever the scene is cut.
pub(crate) fn fill_near(data: &mut [f32], valid: &[bool], width: usize, usual: &[f32]) {
    let bands = usual.len();
    let [above, below] = vertical(valid, width);
    let known = data.to_vec();
    let row = |(y, line): (usize, &mut [f32])| {
        let at = y * width;
        let valid = &valid[at..at + width];
        if !valid.contains(&false) {
            return;
        }
        let sides = horizontal(valid);
        let mut filled = valid.to_vec();
        for x in (0..width).filter(|x| !valid[*x]) {
            let column = [above[at + x], below[at + x]];
            let column = [
                (column[0] > 0).then(|| (at + x - usize::from(column[0]) * width, column[0].into())),
                (column[1] > 0).then(|| (at + x + usize::from(column[1]) * width, column[1].into())),
            ];
            let row = sides[x].map(|near| near.map(|(x, far)| (at + x, far)));
            filled[x] = mix(&known, [column, row], &mut line[x * bands..(x + 1) * bands]);
        }
        let (known, sides) = (line.to_vec(), horizontal(&filled));
        for x in (0..width).filter(|x| !filled[*x]) {
            let pixel = &mut line[x * bands..(x + 1) * bands];
            if !mix(&known, [sides[x], [None; 2]], pixel) {
                pixel.copy_from_slice(usual);
            }
        }
    };
    data.par_chunks_exact_mut(width * bands).enumerate().for_each(row);
}

/// How far the next valid pixel above lies, and the one below, in pixels; 0 where none is within reach.
fn vertical(valid: &[bool], width: usize) -> [Vec<u8>; 2] {
    let height = valid.len() / width;
    let far = |rows: &mut dyn Iterator<Item = usize>| {
        let (mut all, mut seen) = (vec![0; valid.len()], vec![0; width]);
        for y in rows {
            let row = y * width..(y + 1) * width;
            for ((all, seen), valid) in all[row.clone()].iter_mut().zip(&mut seen).zip(&valid[row]) {
                // 0 until a valid pixel has been met, then one more than its distance.
                *seen = match *seen {
                    _ if *valid => 1,
                    1.. if usize::from(*seen) <= REACH => *seen + 1,
                    _ => 0,
                };
                *all = if *seen > 0 { *seen - 1 } else { 0 };
            }
        }
        all
    };
    [far(&mut (0..height)), far(&mut (0..height).rev())]
}

/// The next valid pixels to the left and to the right.
fn horizontal(valid: &[bool]) -> Vec<[Near; 2]> {
    let mut sides = vec![[None; 2]; valid.len()];
    let mut go = |side: usize, columns: &mut dyn Iterator<Item = usize>| {
        let mut last: Option<usize> = None;
        for x in columns {
            if valid[x] {
                last = Some(x);
            }
            sides[x][side] = last.map(|last| (last, last.abs_diff(x))).filter(|(_, far)| *far <= REACH);
        }
    };
    go(0, &mut (0..valid.len()));
    go(1, &mut (0..valid.len()).rev());
    sides
}

/// Mixes what two axes see into a pixel; whether they see anything.
fn mix(known: &[f32], axes: [[Near; 2]; 2], pixel: &mut [f32]) -> bool {
    let bands = pixel.len();
    // Of each pixel that is seen its weight within the axis times that of the axis, 1 over the product of distances.
    let weights = axes.map(|[one, other]| match (one, other) {
        (Some((_, a)), Some((_, b))) => {
            let [a, b] = [a, b].map(|far| far as f32);
            let axis = 1.0 / (a * b);
            [b / (a + b) * axis, a / (a + b) * axis]
        }
        (one, other) => [one, other].map(|near| near.map_or(0.0, |(_, far)| 1.0 / (far * REACH) as f32)),
    });
    let sum: f32 = weights.iter().flatten().sum();
    if sum == 0.0 {
        return false;
    }
    for (band, value) in pixel.iter_mut().enumerate() {
        let seen = axes.iter().flatten().zip(weights.iter().flatten());
        *value = seen.filter_map(|(near, w)| near.map(|(at, _)| w * known[at * bands + band])).sum::<f32>() / sum;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plane with two bands, and a gap.
    fn plane(size: [usize; 2], invalid: impl Fn(usize, usize) -> bool) -> (Vec<f32>, Vec<f32>, Vec<bool>) {
        let pixels = || (0..size[0]).flat_map(|y| (0..size[1]).map(move |x| (y, x)));
        let truth: Vec<f32> = pixels().flat_map(|(y, x)| [3.0 * y as f32 + x as f32, 100.0 - y as f32]).collect();
        let valid: Vec<bool> = pixels().map(|(y, x)| !invalid(y, x)).collect();
        let data = truth.chunks(2).zip(&valid).flat_map(|(v, valid)| if *valid { [v[0], v[1]] } else { [f32::NAN; 2] });
        (truth.clone(), data.collect(), valid)
    }

    #[test]
    fn a_plane_comes_back_in_stripes() {
        let (truth, mut data, valid) = plane([60, 50], |y, x| (2 * y + x) % 20 < 7 && (3..57).contains(&y));
        fill_near(&mut data, &valid, 50, &[0.0, 0.0]);
        for (i, (found, wanted)) in data.iter().zip(&truth).enumerate() {
            let (y, x) = (i / 100, i / 2 % 50);
            let inner = (12..48).contains(&y) && (12..38).contains(&x);
            let most = if inner { 1e-3 } else { 40.0 };
            assert!((found - wanted).abs() < most, "({y}, {x}): {found} instead of {wanted}");
        }
    }

    #[test]
    fn valid_pixels_stay_and_far_gaps_take_the_usual() {
        let (truth, mut data, valid) = plane([140, 140], |y, x| y >= 20 && x >= 20);
        fill_near(&mut data, &valid, 140, &[-1.0, -2.0]);
        for (i, pixel) in data.chunks(2).enumerate() {
            let (y, x) = (i / 140, i % 140);
            if y < 20 || x < 20 {
                assert_eq!(pixel, &truth[2 * i..2 * i + 2], "({y}, {x})");
            } else if y - 19 > REACH && x - 19 > 2 * REACH {
                assert_eq!(pixel, &[-1.0, -2.0], "({y}, {x})");
            } else if y - 19 <= REACH {
                assert!(pixel[0] >= 20.0 && pixel[1] > 0.0, "({y}, {x}) takes {pixel:?} from the edge");
            }
        }
    }

    /// Any part with its surroundings is filled as in the whole.
    #[test]
    fn parts_are_filled_like_the_whole() {
        let hole = |y: usize, x: usize| (y * 7 + x * 3) % 61 < 30 || (y > 90 && x > 40);
        let (_, data, valid) = plane([200, 160], hole);
        let (mut whole, width) = (data.clone(), 160);
        fill_near(&mut whole, &valid, width, &[5.0, 6.0]);
        for (rows, columns) in [(70..110usize, 70..90usize), (0..40, 0..20), (150..200, 120..160)] {
            let [up, aside] = AROUND;
            let (top, bottom) = (rows.start.saturating_sub(up), (rows.end + up).min(200));
            let (left, right) = (columns.start.saturating_sub(aside), (columns.end + aside).min(160));
            let lines = || (top..bottom).map(|y| y * width + left..y * width + right);
            let mut part: Vec<f32> = lines().flat_map(|r| data[2 * r.start..2 * r.end].to_vec()).collect();
            let mask: Vec<bool> = lines().flat_map(|r| valid[r].to_vec()).collect();
            fill_near(&mut part, &mask, right - left, &[5.0, 6.0]);
            for (y, x) in rows.flat_map(|y| columns.clone().map(move |x| (y, x))) {
                let at = 2 * ((y - top) * (right - left) + x - left);
                assert_eq!(part[at..at + 2], whole[2 * (y * width + x)..][..2], "({y}, {x})");
            }
        }
    }
}
