//! Values of `backbones.json`: what its formula gives to the tensors of a list, and how they are compared.

use serde_json::Value;
use trapan::kernels::clustered::TAPS;

use super::{Report, floats};

/// The file's numbers have ten digits.
pub const TOLERANCE: f64 = 1e-9;

/// The file's formula: `offset + scale · sin(phase + 0.91 i + 0.013 i^1.5)`.
pub fn wave(len: usize, phase: f64, scale: f64, offset: f64) -> Vec<f64> {
    let argument = |i: f64| phase + 0.91 * i + 0.013 * i.powf(1.5);
    (0..len).map(|i| offset + scale * argument(i as f64).sin()).collect()
}

/// Whether a tensor is what the kernels of all clusters have in common: `[ci, 9, co]` in the file.
pub fn is_shared(sizes: &[usize]) -> bool {
    sizes.len() == 3 && sizes[1] == TAPS
}

/// The values of the j-th tensor of a list: weights scaled by their inputs, others small; norms about 1, and those of
/// scans about what they start from.
pub fn filled(j: usize, name: &str, sizes: &[usize]) -> Vec<f64> {
    let inputs: usize = if is_shared(sizes) { TAPS * sizes[0] } else { sizes[1..].iter().product() };
    let (name, vector) = (name.trim_end_matches("_b"), sizes.len() == 1);
    let (scale, offset) = match name.rsplit('.').next().expect("a name") {
        "alog" => (0.1, 0.0),
        "b" if name.ends_with("dt.b") => (1.0, -3.0),
        "d" | "w" if vector => (0.1, 1.0),
        _ if vector => (0.1, 0.0),
        _ => (1.0 / (inputs as f64).sqrt(), 0.0),
    };
    let mut values = wave(sizes.iter().product(), 0.5 + 0.37 * j as f64, scale, offset);
    if name.ends_with("alog") {
        values.iter_mut().enumerate().for_each(|(i, v)| *v += ((1 + i % sizes[1]) as f64).ln());
    }
    values
}

/// A tensor of the file: all values, or a sum, a sum of sizes and a sum with a wave.
pub fn check(report: &mut Report, label: &str, found: &[f64], wanted: &Value, relative: f64) {
    let largest = found.iter().fold(0.0f64, |most, v| most.max(v.abs())).max(1.0);
    if let Some(all) = wanted.get("data") {
        return report.all(label, found, &floats(all), relative * largest);
    }
    let wanted = floats(wanted.get("sums").unwrap_or(wanted));
    let weighted = found.iter().zip(wave(found.len(), 1.0, 1.0, 0.0)).map(|(v, w)| v * w).sum();
    let sums = [found.iter().sum(), found.iter().map(|v| v.abs()).sum(), weighted];
    report.all(label, &sums, &wanted, relative * wanted[1].max(1.0));
}

/// A layer's values of PyTorch, `[co, ci, 3, 3]`, `[co, ci]`, `[co]`, or of the file, as kernels have them, and back.
pub fn turned(sizes: &[usize], values: &[f64], back: bool) -> Vec<f64> {
    if is_shared(sizes) {
        let [ci, taps, co] = [sizes[0], sizes[1], sizes[2]];
        let flat = |i: usize| (i / co % taps * ci + i / (taps * co)) * co + i % co;
        return permuted(values, flat, back);
    }
    let [co, ci, taps] = match *sizes {
        [co, ci, rows, columns] => [co, ci, rows * columns],
        [co, ci, taps] => [co, ci, taps],
        [co, ci] => [co, ci, 1],
        _ => return values.to_vec(),
    };
    permuted(values, |i| (i % taps * ci + i / taps % ci) * co + i / (taps * ci), back)
}

/// Value i to place `flat(i)`, or back from there.
fn permuted(values: &[f64], flat: impl Fn(usize) -> usize, back: bool) -> Vec<f64> {
    let mut out = vec![0.0; values.len()];
    for i in 0..values.len() {
        if back { out[i] = values[flat(i)] } else { out[flat(i)] = values[i] }
    }
    out
}
