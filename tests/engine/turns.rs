//! A network seen from another side: turning its weights is turning the image and back.

use trapan::engine::{CpuEngine, Engine, Options};
use trapan::graph::{ProgramBuilder, Role, Shape};
use trapan::kernels::Step;
use trapan::kernels::turn::{self, TURNS};
use trapan::net::{self, Backbone, Fusion, FusionShape, Layer};

use crate::support::Report;
use crate::support::formula::backbone_weights;
use crate::support::session::layers;

fn shapes() -> [FusionShape; 4] {
    [Backbone::FusionNet, Backbone::LagNet, Backbone::LgpNet, Backbone::CanNet].map(|backbone| FusionShape {
        backbone,
        bands: 2,
        sees_ms: true,
        width: 32,
        blocks: 4,
    })
}

/// Sums of up to 288 products of f32, in other blocks of pixels, through ten layers: 2e-6 is the largest seen.
const TOLERANCE: f64 = 1e-5;

/// Rounding may send a pixel between two centres of CANNet to the other one: 3e-5 is the largest seen.
const SORTED: f64 = 1e-3;

/// `f(d)` of an image `[h, w, inputs]`.
fn details(shape: FusionShape, layers: &[Layer], [h, w]: [usize; 2], d: &[f32]) -> Vec<f32> {
    let mut b = ProgramBuilder::new();
    let image = Shape([1, h, w, shape.bands]);
    let seen = b.tensor("d", image.with_c(shape.inputs()), Role::Input);
    let base = b.tensor("base", image, Role::Input);
    let hrms = b.tensor("hrms", image, Role::Output);
    let fusion = Fusion::new(&mut b, "fusion", Role::Param, shape);
    let mut p = b.plan("forward");
    fusion.forward(&mut p, seen, base, hrms);
    let plan = p.finish();
    let program = std::sync::Arc::new(b.finish().expect("checks pass"));
    let calls = 0..program.plan(plan).calls.len();
    let mut engine = CpuEngine::load(program, 2, Options::default()).expect("loads");
    engine.write(fusion.whole, &net::import(layers)).expect("weights fit");
    engine.write(seen, d).expect("image fits");
    engine.write(base, &vec![0.0; image.len()]).expect("base fits");
    engine.run(plan, calls, &Step::default()).expect("runs");
    engine.read(hrms).expect("reads")
}

/// An image `[h, w, c]` and its size, transposed (4), then its rows mirrored (2), then its columns (1).
fn turned(which: usize, [h, w]: [usize; 2], c: usize, x: &[f32]) -> ([usize; 2], Vec<f32>) {
    let size = if which & 4 == 0 { [h, w] } else { [w, h] };
    let pixel = |k: usize| {
        let (mut i, mut j) = (k / size[1], k % size[1]);
        if which & 1 != 0 {
            j = size[1] - 1 - j;
        }
        if which & 2 != 0 {
            i = size[0] - 1 - i;
        }
        if which & 4 != 0 {
            (i, j) = (j, i);
        }
        &x[(i * w + j) * c..][..c]
    };
    (size, (0..h * w).flat_map(pixel).copied().collect())
}

#[test]
fn turning_weights_is_turning_the_image_and_back() {
    let mut report = Report::default();
    for shape in shapes() {
        turning(shape, &mut report);
    }
    report.finish();
}

fn turning(shape: FusionShape, report: &mut Report) {
    let upright = layers(&backbone_weights(shape));
    // CANNet pads odd sides at one end.
    let size = if shape.backbone == Backbone::CanNet { [12, 20] } else { [13, 22] };
    // Bent, so that no two pixels are alike.
    let value = |k: usize| (0.7 * k as f64 + 0.013 * (k as f64).powf(1.5)).sin() as f32;
    let d: Vec<f32> = (0..size[0] * size[1] * shape.inputs()).map(value).collect();
    let plain = details(shape, &upright, size, &d);
    for which in 0..TURNS {
        let found = details(shape, &net::turned(shape, &upright, which), size, &d);
        let (turned_size, seen) = turned(which, size, shape.inputs(), &d);
        let fused = details(shape, &upright, turned_size, &seen);
        let (back, wanted) = turned(turn::inverse(which), turned_size, shape.bands, &fused);
        assert_eq!(back, size);
        assert!(which == 0 || found != plain, "turn {which} changes nothing");
        for (i, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            report.near(
                &format!("{} turn {which}[{i}]", shape.backbone),
                f64::from(*found),
                f64::from(*wanted),
                if shape.backbone == Backbone::CanNet { SORTED } else { TOLERANCE },
            );
        }
    }
}

/// The table that training turns weights by gives what [`net::turned`] gives, and turns it back.
#[test]
fn the_table_of_training_turns_weights_alike() {
    shapes().into_iter().for_each(table_turns_alike);
}

fn table_turns_alike(shape: FusionShape) {
    let upright = layers(&backbone_weights(shape));
    let flat = net::import(&upright);
    let places = net::turned_places(shape);
    let by_table = |which: usize, x: &[f32]| -> Vec<f32> {
        places[which * flat.len()..][..flat.len()].iter().map(|place| x[*place as usize]).collect()
    };
    for which in 0..TURNS {
        let turned = by_table(which, &flat);
        assert!(turned == net::import(&net::turned(shape, &upright, which)), "turn {which}");
        assert!(by_table(turn::inverse(which), &turned) == flat, "turn {which} and back");
    }
}
