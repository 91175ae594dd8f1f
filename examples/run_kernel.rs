//! One kernel on one device: a convolution with its ReLU, run, read back and compared with its textbook form.
//!
//! ```sh
//! cargo run --release --example run_kernel -- gpu      # or gpu:1, cpu, cpu:avx2, software; auto without
//! ```
#![expect(clippy::print_stdout, reason = "an example tells what it did")]

use std::error::Error;
use std::sync::Arc;

use ndarray::Array4;
use trapan::bench::suite;
use trapan::engine::{Device, DeviceChoice, Options, Precision};
use trapan::graph::{ProgramBuilder, Role, Shape};
use trapan::kernels::Step;
use trapan::kernels::conv2d::{conv2d, forward, weight_len};

const IMAGE: [usize; 4] = [1, 96, 128, 8];
const OUTPUTS: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let choice: DeviceChoice = std::env::args().nth(1).as_deref().unwrap_or("auto").parse()?;
    let (device, why) = Device::open(choice, 0)?;

    // A program: the table of tensors, and one plan of one call. Checked, then loaded.
    let mut program = ProgramBuilder::for_grain(device.grain());
    let x = program.tensor("x", Shape(IMAGE), Role::Input);
    let w = program.tensor("w", Shape::flat(weight_len(IMAGE[3], OUTPUTS)), Role::Input);
    let y = program.tensor("y", Shape(IMAGE).with_c(OUTPUTS), Role::Output);
    let mut plan = program.plan("convolve");
    forward(&mut plan, x, w, None, true, y);
    let plan = plan.finish();
    let program = Arc::new(program.finish().map_err(|mistakes| format!("{mistakes:?}"))?);
    let mut engine = device.load(program.clone(), Options { profile: true, ..Options::default() })?;

    let wave = |len: usize, step: f32| -> Vec<f32> { (0..len).map(|i| (step * i as f32).sin()).collect() };
    let (image, weights) = (wave(x.shape().len(), 0.7), wave(w.shape().len(), 1.3));
    engine.write(x, &image)?;
    engine.write(w, &weights)?;
    engine.run(plan, 0..1, &Step::default())?;
    let found = engine.read(y)?;
    println!("on {} ({why})", engine.name());
    for timing in engine.timings()? {
        println!("{}: {:?} for {} operations", timing.label, timing.total, timing.flops);
    }

    // The formula in f64: weights `[3, 3, in, out]`, then one bias per output.
    let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
    let (kernel, bias) = weights.split_at(9 * IMAGE[3] * OUTPUTS);
    let kernel = Array4::from_shape_vec((3, 3, IMAGE[3], OUTPUTS), wide(kernel))?;
    let image = Array4::from_shape_vec(IMAGE, wide(&image))?;
    let wanted = conv2d(image.view(), kernel.view(), &wide(bias)).mapv(|v| v.max(0.0));
    let tolerance = suite::tolerance(&program.plan(plan).calls[0], Precision::F32);
    suite::compare("y", &found, &wanted.into_raw_vec_and_offset().0, tolerance).map_err(|off| off.to_string())?;
    println!("{} values agree with the reference within {tolerance:.1e}", found.len());
    Ok(())
}
