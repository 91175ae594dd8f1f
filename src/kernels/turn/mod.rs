//! Weights turned by a symmetry of the square: `y[i] = x[places[turn, i]]`.
//!
//! A network whose 3×3 kernels are turned sees a turned image in an upright one: `f_{Tw}(x) = T⁻¹ f_w(T x)`.
//! So a random symmetry per training step costs a permutation of the weights and of their gradient, the
//! images stay where they are, and the pair's filters keep their phase whatever it is: eight symmetries for
//! odd sizes, oblong windows and grids that start at one centre.

mod reference;

use bytemuck::{Pod, Zeroable};

use super::{Step, groups, reference, same, wgsl};
use crate::graph::{Arg, Case, Kernel, PlanBuilder, Role, Shader, Shape, Tensor};

/// Symmetries of the square.
pub const TURNS: usize = 8;

/// Parameters; `struct Params` of `shaders/turn.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    len: u32,
    /// 1: the step's `unturn` instead of its `turn`.
    back: u32,
    pad: [u32; 2],
}

/// `y[i] = x[places[turn, i]]`, with the step's `turn` or `unturn`.
pub(super) static TURN: Kernel = Kernel {
    name: "turn",
    family: "turn",
    shader: Shader::new(wgsl!("turn.wgsl"), "turn", |s| groups(s.get(0).len().div_ceil(64))),
    args: &[Arg::read(0, "x"), Arg::read(1, "places"), Arg::write(2, "y")],
    shapes: |s| {
        let x = s.get(0);
        same("x", x, Shape::flat(x.c()))?;
        same("places", s.get(1), Shape([TURNS, 1, 1, x.c()]))?;
        same("y", s.get(2), x)
    },
    terms: |_| 1,
    flops: |_| 0,
    reference: reference!(reference::turn_args),
    cpu: None,
    cases,
};

/// Adds `y = x` turned by the step's symmetry, or turned `back`; see [`place`] for `places [8, 1, 1, len]`.
#[track_caller]
pub fn turn(p: &mut PlanBuilder<'_>, x: Tensor, places: Tensor, back: bool, y: Tensor) {
    let params = Params { len: x.shape().c() as u32, back: back.into(), pad: [0; 2] };
    p.call(&TURN, &[Some(x), Some(places), Some(y)], &params);
}

/// The symmetry that undoes another.
pub const fn inverse(turn: usize) -> usize {
    // A transposition between flips exchanges them.
    match turn {
        5 => 6,
        6 => 5,
        other => other,
    }
}

/// The tap (of `side × side`, row by row) of the upright kernel that stands at `tap` of the turned one. Symmetries are
/// numbered by bits: 1 mirrors columns, 2 mirrors rows, 4 transposes before that.
pub const fn place(turn: usize, tap: usize, side: usize) -> usize {
    let (mut row, mut column) = (tap / side, tap % side);
    if turn & 4 != 0 {
        (row, column) = (column, row);
    }
    if turn & 2 != 0 {
        row = side - 1 - row;
    }
    if turn & 1 != 0 {
        column = side - 1 - column;
    }
    side * row + column
}

fn cases() -> Vec<Case> {
    let case = |(len, turn, back): (usize, u32, bool)| {
        let build = move |p: &mut PlanBuilder<'_>| {
            let x = p.tensor("x", Shape::flat(len), Role::Input);
            let places = p.tensor("places", Shape([TURNS, 1, 1, len]), Role::Input);
            let y = p.tensor("y", Shape::flat(len), Role::Output);
            self::turn(p, x, places, back, y);
        };
        let places = (0..TURNS * len).map(|i| ((i / len * 5 + i % len * 7 + 3) % len) as f32).collect();
        let step = Step { turn, unturn: inverse(turn as usize) as u32, ..Step::default() };
        Case::new(format!("{len} turn={turn} back={back}"), build).fill("places", places).step(step)
    };
    [(1, 0, false), (90, 5, false), (90, 5, true), (1001, 7, false)].into_iter().map(case).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symmetries_undo_each_other() {
        for turn in 0..TURNS {
            for tap in 0..9 {
                assert_eq!(place(inverse(turn), place(turn, tap, 3), 3), tap, "turn {turn}, tap {tap}");
            }
            for other in 0..turn {
                assert!((0..9).any(|tap| place(turn, tap, 3) != place(other, tap, 3)), "{turn} and {other} are one");
            }
        }
    }
}
