//! `(G_y ⊗ G_x + ν') z = r` on a window of MS.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Zip, s};

use super::axis::GramSpectrum;

/// Conjugate gradients stop at this share of the residual: what f32 can tell of it.
const TOLERANCE: f64 = 1e-7;
/// The system is as good as its preconditioner but near unused pixels: some ten rounds suffice.
const MOST_ROUNDS: usize = 200;

/// A window's system.
pub(super) struct System<'a> {
    pub y: &'a GramSpectrum,
    pub x: &'a GramSpectrum,
    /// ν'.
    pub nu: f64,
}

impl System<'_> {
    /// Rows and columns `given` of z. Unused pixels must be 0 in `residual [ny, nx]`, and are 0 in z.
    pub(super) fn solve(
        &self,
        residual: &Array2<f64>,
        used: Option<&Array2<bool>>,
        given: [Range<usize>; 2],
    ) -> Array2<f64> {
        let [y, x] = given;
        match used {
            None => self.inverse(residual.view(), [y, x]),
            Some(used) => self.masked(residual, used).slice(s![y, x]).to_owned(),
        }
    }

    /// `V_y ((V_yᵀ r V_x) / (λ_y λ_x + ν')) V_xᵀ`, some rows and columns of it.
    fn inverse(&self, r: ArrayView2<'_, f64>, [rows, columns]: [Range<usize>; 2]) -> Array2<f64> {
        let (y, x) = (&self.y.vectors, &self.x.vectors);
        let mut t = y.t().dot(&r).dot(x);
        for (mut row, a) in t.rows_mut().into_iter().zip(&self.y.values) {
            Zip::from(&mut row).and(&self.x.values[..]).for_each(|t, b| *t /= a * b + self.nu);
        }
        y.slice(s![rows, ..]).dot(&t).dot(&x.slice(s![columns, ..]).t())
    }

    /// The system of the used pixels alone, by conjugate gradients preconditioned with the inverse of the
    /// whole.
    fn masked(&self, residual: &Array2<f64>, used: &Array2<bool>) -> Array2<f64> {
        let only_used = |mut v: Array2<f64>| {
            Zip::from(&mut v).and(used).for_each(|v, used| *v = if *used { *v } else { 0.0 });
            v
        };
        let (ny, nx) = residual.dim();
        let precondition = |r: &Array2<f64>| only_used(self.inverse(r.view(), [0..ny, 0..nx]));
        let apply = |p: &Array2<f64>| only_used(self.y.gram.dot(p).dot(&self.x.gram) + p * self.nu);
        let mut z = Array2::zeros((ny, nx));
        let mut r = residual.clone();
        let goal = TOLERANCE.powi(2) * product(&r, &r);
        let mut d = precondition(&r);
        let mut p = d.clone();
        let mut rd = product(&r, &d);
        for _ in 0..MOST_ROUNDS {
            if product(&r, &r) <= goal {
                break;
            }
            let ap = apply(&p);
            let length = rd / product(&p, &ap);
            z.scaled_add(length, &p);
            r.scaled_add(-length, &ap);
            d = precondition(&r);
            let next = product(&r, &d);
            p = &d + &(p * (next / rd));
            rd = next;
        }
        z
    }
}

/// Inner product, summed in one order.
fn product(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
