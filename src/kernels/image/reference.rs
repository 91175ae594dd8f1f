//! The formulas in plain loops.

use ndarray::{Array4, ArrayView4};

use crate::graph::{Args, Real};
use crate::kernels::Step;

/// `d[n,i,j,c] = pan[n,i,j,0] − lms[n,i,j,c]`.
pub fn detail<T: Real>(pan: ArrayView4<'_, T>, lms: ArrayView4<'_, T>) -> Array4<T> {
    Array4::from_shape_fn(lms.dim(), |(n, i, j, c)| pan[[n, i, j, 0]] - lms[[n, i, j, c]])
}

/// `d[n,i,j,..] = [pan[n,i,j,0] − lms[n,i,j,..], lms[n,i,j,..]]`.
pub fn features<T: Real>(pan: ArrayView4<'_, T>, lms: ArrayView4<'_, T>) -> Array4<T> {
    let (n, h, w, c) = lms.dim();
    Array4::from_shape_fn((n, h, w, 2 * c), |(n, i, j, k)| {
        if k < c { pan[[n, i, j, 0]] - lms[[n, i, j, k]] } else { lms[[n, i, j, k - c]] }
    })
}

/// Crops `[row, column, flip, _]` of `x [1,H,W,C]`, each `h × w`, mirrored where `flip` is 1.
pub fn crop<T: Real>(x: ArrayView4<'_, T>, crops: &[[u32; 4]], h: usize, w: usize) -> Array4<T> {
    Array4::from_shape_fn((crops.len(), h, w, x.dim().3), |(k, i, j, c)| {
        let [row, column, flip, _] = crops[k].map(|v| v as usize);
        let j = if flip == 1 { w - 1 - j } else { j };
        x[[0, row + i, column + j, c]]
    })
}

fn view<'a, T>(args: &Args<'a, T>, i: usize) -> ArrayView4<'a, T> {
    ArrayView4::from_shape(args.shape(i).0, args.read(i)).expect("shape and data agree")
}

pub(super) fn detail_args<T: Real>(args: &mut Args<'_, T>) {
    let d = detail(view(args, 0), view(args, 1));
    args.write(2).iter_mut().zip(d).for_each(|(into, v)| *into = v);
}

pub(super) fn features_args<T: Real>(args: &mut Args<'_, T>) {
    let d = features(view(args, 0), view(args, 1));
    args.write(2).iter_mut().zip(d).for_each(|(into, v)| *into = v);
}

pub(super) fn risen_args<T: Real>(args: &mut Args<'_, T>) {
    let (dy, before, after) = (args.read(0), args.read(1), args.read(2));
    for (i, d) in args.write(3).iter_mut().enumerate() {
        *d = if after[i] > before[i] { dy[i] } else { T::zero() };
    }
}

pub(super) fn crop_args<T: Real>(args: &mut Args<'_, T>) {
    let y = args.shape(1);
    let crops = crop(view(args, 0), &args.step::<Step>().crops[..y.n()], y.h(), y.w());
    args.write(1).iter_mut().zip(crops).for_each(|(into, v)| *into = v);
}
