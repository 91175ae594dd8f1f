//! Each static check fails on the mistake it is for, and memory is shared only by
//! tensors that are never alive together.

use trapan::graph::{Access, CheckError, Grain, Limits, PlanBuilder, ProgramBuilder, Role, Shape, Tensor};
use trapan::kernels::adam::{self, Adam};
use trapan::kernels::loss::Operands;
use trapan::kernels::{self, conv2d, image, loss};
use trapan::method::config::{Profile, Sensor};
use trapan::method::{self, Config, Dims};

const IMAGE: Shape = Shape([1, 6, 5, 3]);

/// The errors of a one-plan program.
fn errors(build: impl FnOnce(&mut PlanBuilder<'_>)) -> Vec<CheckError> {
    let mut builder = ProgramBuilder::new();
    let mut plan = builder.plan("p");
    build(&mut plan);
    plan.finish();
    builder.finish().err().unwrap_or_default()
}

fn input(p: &mut PlanBuilder<'_>, name: &str, shape: Shape) -> Tensor {
    p.tensor(name, shape, Role::Input)
}

/// `pan` and `lms` for [`image::detail`].
fn pair(p: &mut PlanBuilder<'_>) -> (Tensor, Tensor) {
    (input(p, "pan", IMAGE.with_c(1)), input(p, "lms", IMAGE))
}

#[test]
fn reading_before_writing() {
    let found = errors(|p| {
        let pan = input(p, "pan", IMAGE.with_c(1));
        let lms = p.activation("lms", IMAGE);
        let d = p.tensor("d", IMAGE, Role::Output);
        image::detail(p, pan, lms, d);
    });
    assert!(matches!(&found[..], [CheckError::ReadBeforeWrite { tensor, .. }] if tensor == "p.lms"), "{found:?}");
}

#[test]
fn writing_twice() {
    let found = errors(|p| {
        let (pan, lms) = pair(p);
        let d = p.tensor("d", IMAGE, Role::Output);
        image::detail(p, pan, lms, d);
        image::detail(p, pan, lms, d);
    });
    assert!(matches!(&found[..], [CheckError::WrittenTwice { .. }]), "{found:?}");
}

#[test]
fn binding_twice() {
    let found = errors(|p| {
        let shape = IMAGE.with_c(1);
        let lms = input(p, "lms", shape);
        let d = p.tensor("d", shape, Role::Output);
        image::detail(p, lms, lms, d); // two reads are fine
        let e = p.tensor("e", shape, Role::Output);
        image::detail(p, lms, e, e);
    });
    assert!(found.iter().any(|e| matches!(e, CheckError::BoundTwice { tensor, .. } if tensor == "e")), "{found:?}");
    assert!(!found.iter().any(|e| e.to_string().contains("lms is bound")), "{found:?}");
}

#[test]
fn shapes_that_do_not_fit() {
    let found = errors(|p| {
        let (pan, lms) = pair(p);
        let d = p.tensor("d", IMAGE.with_c(4), Role::Output);
        image::detail(p, pan, lms, d);
    });
    assert!(matches!(&found[..], [CheckError::Shape { .. }]), "{found:?}");
    assert!(found[0].to_string().contains("d is [1,6,5,4] instead of [1,6,5,3]"), "{}", found[0]);
}

#[test]
fn a_missing_argument() {
    let found = errors(|p| {
        let lms = input(p, "lms", IMAGE);
        let d = p.tensor("d", IMAGE, Role::Output);
        let detail = kernels::ALL.iter().find(|kernel| kernel.name == "detail").expect("it is one of them");
        p.call(detail, &[None, Some(lms), Some(d)], &[0u32; 8]);
    });
    assert!(matches!(&found[..], [CheckError::Shape { reason, .. }] if reason.contains("pan is missing")), "{found:?}");
}

#[test]
fn values_nobody_reads() {
    let found = errors(|p| {
        let (pan, lms) = pair(p);
        let d = p.activation("d", IMAGE);
        image::detail(p, pan, lms, d);
    });
    assert!(matches!(&found[..], [CheckError::NeverRead { tensor, .. }] if tensor == "p.d"), "{found:?}");
}

#[test]
fn writing_an_input() {
    let found = errors(|p| {
        let (pan, lms) = pair(p);
        let d = input(p, "d", IMAGE);
        image::detail(p, pan, lms, d);
    });
    assert!(matches!(&found[..], [CheckError::Role { role: Role::Input, .. }]), "{found:?}");
}

/// A one-layer training plan, with what each test leaves out or adds.
struct Training {
    declare: bool,
    gradients: usize,
    optimisers: usize,
}

fn training(t: &Training) -> Vec<CheckError> {
    let mut builder = ProgramBuilder::new();
    let len = conv2d::weight_len(3, 2);
    let (w, parts) = builder.group("w", Role::Param, &[("a".into(), len), ("b".into(), len)]);
    let (g, grads) = builder.group("dw", Role::Grad, &[("a".into(), len), ("b".into(), len)]);
    let mut p = builder.plan("p");
    let [x, dy] = [("x", IMAGE), ("dy", IMAGE.with_c(2))].map(|(name, shape)| p.tensor(name, shape, Role::Input));
    for (i, grad) in grads.iter().take(t.gradients).enumerate() {
        conv2d::grad_weight(&mut p, x, dy, &format!("part{i}"), *grad);
    }
    for i in 0..t.optimisers {
        let [m, v] = ["m", "v"].map(|n| p.tensor(format!("{n}{i}"), w.shape(), Role::State));
        adam::adam(&mut p, Adam::default(), w, g, m, v);
    }
    if t.declare {
        p.trains(w);
    }
    assert_eq!(parts.len(), 2);
    p.finish();
    builder.finish().err().unwrap_or_default()
}

#[test]
fn a_whole_training_plan_passes() {
    assert_eq!(training(&Training { declare: true, gradients: 2, optimisers: 1 }), []);
}

#[test]
fn a_parameter_without_gradient() {
    let found = training(&Training { declare: true, gradients: 1, optimisers: 1 });
    assert!(
        found.iter().any(|e| matches!(e, CheckError::Gradient { gradient, found: 0, .. } if gradient == "dw.b")),
        "{found:?}"
    );
}

#[test]
fn optimisers_missing_or_twice() {
    for optimisers in [0, 2] {
        let found = training(&Training { declare: true, gradients: 2, optimisers });
        assert!(
            found.iter().any(|e| matches!(e, CheckError::Optimiser { found, .. } if *found == optimisers)),
            "{optimisers}: {found:?}"
        );
    }
}

#[test]
fn touching_a_frozen_parameter() {
    let found = training(&Training { declare: false, gradients: 2, optimisers: 1 });
    assert!(matches!(&found[..], [CheckError::FrozenTouched { tensor, .. }] if tensor == "w"), "{found:?}");
}

#[test]
fn a_gradient_written_twice() {
    let mut builder = ProgramBuilder::new();
    let len = conv2d::weight_len(3, 2);
    let w = builder.tensor("w", Shape::flat(len), Role::Param);
    let g = builder.tensor("dw", Shape::flat(len), Role::Grad);
    let mut p = builder.plan("p");
    let [x, dy] = [("x", IMAGE), ("dy", IMAGE.with_c(2))].map(|(name, shape)| p.tensor(name, shape, Role::Input));
    let [m, v] = ["m", "v"].map(|n| p.tensor(n, w.shape(), Role::State));
    conv2d::grad_weight(&mut p, x, dy, "part0", g);
    conv2d::grad_weight(&mut p, x, dy, "part1", g);
    adam::adam(&mut p, Adam::default(), w, g, m, v);
    p.trains(w);
    p.finish();
    let found = builder.finish().err().unwrap_or_default();
    assert!(found.iter().any(|e| matches!(e, CheckError::Gradient { found: 2, .. })), "{found:?}");
}

#[test]
fn device_limits() {
    let mut builder = ProgramBuilder::new();
    let mut p = builder.plan("p");
    let (pan, lms) = pair(&mut p);
    let d = p.tensor("d", IMAGE, Role::Output);
    image::detail(&mut p, pan, lms, d);
    p.finish();
    let program = builder.finish().expect("checks pass");
    let roomy = Limits { buffer: 1 << 20, binding: 1 << 20, grid: 65535 };
    assert_eq!(program.fits(&roomy), Ok(()));
    let bytes = IMAGE.len() as u64 * 4;
    let tight = program.fits(&Limits { binding: bytes - 1, ..roomy });
    assert!(matches!(tight, Err(CheckError::TooLarge { bytes: b, .. }) if b == bytes), "{tight:?}");
    assert!(matches!(program.fits(&Limits { grid: 1, ..roomy }), Err(CheckError::Grid { .. })));
}

/// A chain a → b → c → d → e: neighbours never share memory, distant ones do.
#[test]
fn memory_is_shared_by_lifetimes() {
    let mut builder = ProgramBuilder::new();
    let mut p = builder.plan("p");
    let x = input(&mut p, "x", IMAGE);
    let [da, db, dc] = ["a", "b", "c"].map(|n| p.activation(n, IMAGE));
    let value = p.tensor("loss", Shape::flat(1), Role::Output);
    let pan = input(&mut p, "pan", IMAGE.with_c(1));
    image::detail(&mut p, pan, x, da);
    image::detail(&mut p, pan, da, db);
    image::detail(&mut p, pan, db, dc);
    let dy = p.tensor("dy", IMAGE, Role::Output);
    loss::l2(&mut p, Operands { y: dc, target: x, weight: None }, 1.0, "part", dy, value);
    p.finish();
    let program = builder.finish().expect("checks pass");
    let place = |t: Tensor| program.place(t).0;
    assert_ne!(place(da), place(db));
    assert_ne!(place(db), place(dc));
    assert_eq!(place(da), place(dc), "a is dead when c is written");
}

/// The main case, 512×512 with 8 bands: what is still to be read is never written over, and
/// the whole leaves room for files and code under 400 MB.
#[test]
fn memory_of_the_main_case() {
    let config = Config::new(Sensor::Generic, Profile::Faithful, 8).expect("valid");
    let program = &method::build(Dims::aligned(128, 128, 8, 4), &config, false, Grain::default()).program;
    for (_, plan) in program.plans() {
        for (i, call) in plan.calls.iter().enumerate() {
            let written = call.kernel.args.iter().zip(&call.args).filter(|(arg, _)| arg.access == Access::Write);
            for target in written.filter_map(|(_, t)| *t) {
                let before = plan.calls[..=i].iter().flat_map(|c| c.args.iter().flatten());
                let held = before.filter(|t| plan.calls[i..].iter().any(|c| c.args.contains(&Some(**t))));
                for other in held.filter(|t| **t != target) {
                    let [(a, x), (b, y)] = [target, *other].map(|t| program.place(t));
                    assert!(
                        a != b || x.end <= y.start || y.end <= x.start,
                        "{}: {} lost",
                        call.label,
                        program.info(*other).name
                    );
                }
            }
        }
    }
    assert!(program.bytes() < 380_000_000, "{} bytes", program.bytes());
}
