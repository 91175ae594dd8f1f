//! The formulas in plain loops.

use crate::graph::{Args, Real};

fn sigmoid<T: Real>(z: T) -> T {
    T::one() / (T::one() + (-z).exp())
}

pub(super) fn forward<T: Real>(args: &mut Args<'_, T>) {
    let (x, z, add) = (args.read(0), args.read(1), args.maybe(2));
    for (i, y) in args.write(3).iter_mut().enumerate() {
        *y = x[i] * z[i] * sigmoid(z[i]) + add.map_or(T::zero(), |add| add[i]);
    }
}

pub(super) fn grad<T: Real>(args: &mut Args<'_, T>) {
    let (dy, x, z) = (args.read(0), args.read(1), args.read(2));
    for (i, (dx, dz)) in args.write(3).iter_mut().zip(args.write(4)).enumerate() {
        let s = sigmoid(z[i]);
        *dx = dy[i] * z[i] * s;
        *dz = dy[i] * x[i] * s * (T::one() + z[i] * (T::one() - s));
    }
}
