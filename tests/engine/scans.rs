//! Rung 2 for PanMamba's scans: values and gradients of one alone, and of whole Mamba layers, against `backbones.json`, on the
//! references in f64.

use std::sync::Arc;

use trapan::graph::{ProgramBuilder, Role, Shape, Tensor};
use trapan::kernels::pointwise::{self, Act};
use trapan::kernels::scan::{self, ScanInput};
use trapan::kernels::{Step, gated};

use crate::support::backbones::{branch_backward, branch_forward, branch_lengths, tensors};
use crate::support::oracle::Oracle;
use crate::support::values::{TOLERANCE, check, filled, turned, wave};
use crate::support::{Report, data};

/// The scan alone, of two images of 60 pixels: the file's steps get their biases outside.
#[test]
fn selective_scan() {
    let wanted = &data("backbones.json")["ops"]["selective_scan"];
    let (images, states) = (Shape([2, 5, 12, 6]), 4);
    let mut b = ProgramBuilder::new();
    let mut p = b.plan("scan");
    let [u, raw, z, ds] = ["u", "raw", "z", "ds"].map(|name| p.tensor(name, images, Role::Input));
    let bc = p.tensor("bc", images.with_c(2 * states), Role::Input);
    let w = p.tensor("w", Shape::flat((states + 1) * images.c()), Role::Input);
    let [s, dz] = ["s", "dz"].map(|name| p.tensor(name, images, Role::Output));
    let d = p.tensor("d", images.with_c(2 * (images.c() + states)), Role::Output);
    let dw = p.tensor("dw", w.shape(), Role::Output);
    let [y, dy] = ["y", "dy"].map(|name| p.activation(name, images));
    let x = ScanInput { u, raw, bc, w };
    let forth = scan::forward(&mut p, x, "scan", y);
    gated::forward(&mut p, y, z, None, s);
    gated::grad(&mut p, ds, [y, z], [dy, dz]);
    scan::backward(&mut p, x, "scan", (forth, dy), d, dw);
    let plan = p.finish();
    let mut oracle = Oracle::new(Arc::new(b.finish().expect("checks pass")));
    let of = |phase: f64, c: usize| wave(images.pixels() * c, phase, 1.0, 0.0);
    let (c, alog) = (images.c(), filled(0, "alog", &[images.c(), states]));
    let bias = filled(2, "dt.b", &[c]);
    let [bs, cs] = [1.7, 2.9].map(|phase| of(phase, states));
    for (tensor, values) in [(u, of(0.3, c)), (z, of(3.1, c)), (ds, of(2.0, c))] {
        oracle.write(tensor, &values);
    }
    oracle.write(raw, &of(0.9, c).iter().enumerate().map(|(i, v)| v + bias[i % c]).collect::<Vec<_>>());
    oracle.write(bc, &bs.chunks(states).zip(cs.chunks(states)).flat_map(|(b, c)| [b, c].concat()).collect::<Vec<_>>());
    oracle.write(w, &[turned(&[c, states], &alog, false), filled(1, "d", &[c])].concat());
    oracle.run(plan, &Step::default());

    let (all, weights) = (oracle.read(d), oracle.read(dw));
    let part = |first: usize, len: usize| -> Vec<f64> {
        all.chunks_exact(2 * (c + states)).flat_map(|pixel| &pixel[first..first + len]).copied().collect()
    };
    let draw = part(c, c);
    let by_channel = (0..c).map(|k| draw.iter().skip(k).step_by(c).sum()).collect();
    let (inputs, params) = (&wanted["grad_inputs"], &wanted["grad_params"]);
    let mut report = Report::default();
    for (label, found, wanted) in [
        ("y", oracle.read(s), &wanted["output"]),
        ("u", part(0, c), &inputs["u"]),
        ("raw", draw, &inputs["raw"]),
        ("B", part(2 * c, states), &inputs["B"]),
        ("C", part(2 * c + states, states), &inputs["C"]),
        ("z", oracle.read(dz), &inputs["z"]),
        ("alog", turned(&[c, states], &weights[..states * c], true), &params["alog"]),
        ("d", weights[states * c..].to_vec(), &params["d"]),
        ("dt.b", by_channel, &params["dt.b"]),
    ] {
        check(&mut report, label, &found, wanted, TOLERANCE);
    }
    report.finish();
}

/// Names, sizes and layers of a Mamba branch on 8 channels, with what the file puts behind the names.
fn branch_layers(suffix: &str) -> Vec<(String, Vec<usize>)> {
    let entrance = if suffix.is_empty() { "in.w" } else { "inx.w" };
    let named = |name: &str, sizes: &[usize]| (format!("{name}{suffix}"), sizes.to_vec());
    let mut all = vec![(entrance.to_owned(), vec![32, 8])];
    all.extend([named("alog", &[16, 16]), named("d", &[16]), named("conv.w", &[16, 1, 4]), named("conv.b", &[16])]);
    all.extend([named("x.w", &[33, 16]), named("dt.w", &[16, 1]), named("dt.b", &[16])]);
    all
}

/// The file's tensors of a branch, in our order, each with its rows: two of its tensors are two of our layers each.
fn branch_parts(first: usize, rows: &[(String, Vec<usize>)]) -> Vec<(usize, std::ops::Range<usize>)> {
    let whole = |k: usize| (first + k, 0..rows[k].1[0]);
    vec![
        (first, 0..16),
        (first, 16..32),
        whole(1),
        whole(2),
        whole(3),
        whole(4),
        (first + 5, 0..1),
        (first + 5, 1..33),
        whole(6),
        whole(7),
    ]
}

/// How many of these parts make a layer.
const PARTS: [usize; 7] = [1, 1, 2, 2, 1, 1, 2];

/// A layer of one branch, or of two of which the second looks at another image.
fn mamba_layer(name: &str, branches: usize) {
    let wanted = &data("backbones.json")["ops"][name];
    let (width, images) = (8, Shape([1, 5, 6, 8]));
    let inner = images.with_c(2 * width);
    let mut b = ProgramBuilder::new();
    let mut p = b.plan("mamba");
    let names = ["x", "e"];
    let input: Vec<Tensor> = names[..branches].iter().map(|of| p.tensor(*of, images, Role::Input)).collect();
    let dinput: Vec<Tensor> =
        names[..branches].iter().map(|of| p.tensor(format!("d{of}"), images, Role::Output)).collect();
    let out_len = [pointwise::weight_len(2 * width, width, false)];
    let ([out], [dout]) =
        (tensors(&mut p, "out", out_len, Role::Input), tensors(&mut p, "dout", out_len, Role::Output));
    let dy = p.tensor("dy", images, Role::Input);
    let y = p.tensor("y", images, Role::Output);
    let mut layers = Vec::new();
    let (mut kept, mut s) = (Vec::new(), None);
    for (k, x) in input.iter().enumerate() {
        let w = tensors(&mut p, &format!("w{k}."), branch_lengths(width), Role::Input);
        let dw = tensors(&mut p, &format!("dw{k}."), branch_lengths(width), Role::Output);
        let sum = p.activation(&format!("s{k}"), inner);
        kept.push(branch_forward(&mut p, &format!("b{k}"), *x, &w, (s, sum)));
        (s, layers) = (Some(sum), [layers, vec![(w, dw)]].concat());
    }
    let (s, ds) = (s.expect("a branch"), p.activation("ds", inner));
    pointwise::forward(&mut p, s, out, (None, None), Act::None, y);
    pointwise::grad_weight(&mut p, s, dy, "part.out", dout);
    pointwise::grad_input(&mut p, dy, out, None, None, ds);
    for (k, (w, dw)) in layers.iter().enumerate() {
        branch_backward(&mut p, (&format!("b{k}"), input[k]), w, &kept[k], ds, (dw, dinput[k]));
    }
    let plan = p.finish();
    let mut oracle = Oracle::new(Arc::new(b.finish().expect("checks pass")));

    let mut file: Vec<(String, Vec<usize>)> = ["", "_b"][..branches].iter().flat_map(|s| branch_layers(s)).collect();
    file.push(("out.w".into(), vec![width, 2 * width]));
    let values: Vec<Vec<f64>> = file.iter().enumerate().map(|(j, (name, sizes))| filled(j, name, sizes)).collect();
    // Some rows of a tensor as a layer has them, and back.
    let rows_of = |j: usize, rows: &std::ops::Range<usize>| {
        let row: usize = file[j].1[1..].iter().product();
        (rows.start * row..rows.end * row, [&[rows.len()], &file[j].1[1..]].concat())
    };
    let parts: Vec<Vec<_>> = (0..branches).map(|k| branch_parts(8 * k, &file[8 * k..])).collect();
    for ((w, _), parts) in layers.iter().zip(&parts) {
        let mut parts = parts.iter();
        for (w, count) in w.iter().zip(PARTS) {
            let of_layer = parts.by_ref().take(count).flat_map(|(j, rows)| {
                let (range, sizes) = rows_of(*j, rows);
                turned(&sizes, &values[*j][range], false)
            });
            oracle.write(*w, &of_layer.collect::<Vec<_>>());
        }
    }
    for (tensor, phase) in input.iter().zip([0.3, 1.3]) {
        oracle.write(*tensor, &wave(images.len(), phase, 1.0, 0.0));
    }
    let last = values.len() - 1;
    oracle.write(out, &turned(&file[last].1, &values[last], false));
    oracle.write(dy, &wave(images.len(), 2.0, 1.0, 0.0));
    oracle.run(plan, &Step::default());

    let mut gradients: Vec<Vec<f64>> = values.iter().map(|values| vec![f64::NAN; values.len()]).collect();
    gradients[last] = turned(&file[last].1, &oracle.read(dout), true);
    for ((_, dw), parts) in layers.iter().zip(&parts) {
        let mut parts = parts.iter();
        for (dw, count) in dw.iter().zip(PARTS) {
            let (values, mut done) = (oracle.read(*dw), 0);
            for (j, rows) in parts.by_ref().take(count) {
                let (range, sizes) = rows_of(*j, rows);
                let own = &values[done..done + range.len()];
                done += own.len();
                gradients[*j][range].copy_from_slice(&turned(&sizes, own, true));
            }
        }
    }
    let mut report = Report::default();
    check(&mut report, "y", &oracle.read(y), &wanted["output"], TOLERANCE);
    for (name, d) in names.iter().zip(&dinput) {
        check(&mut report, name, &oracle.read(*d), &wanted["grad_inputs"][*name], TOLERANCE);
    }
    let params = wanted["grad_params"].as_object().expect("by name");
    assert_eq!(params.len(), file.len());
    for ((name, _), gradient) in file.iter().zip(&gradients) {
        check(&mut report, name, gradient, &params[name], TOLERANCE);
    }
    report.finish();
}

#[test]
fn mamba_layers() {
    mamba_layer("mamba", 1);
    mamba_layer("mamba_cross", 2);
}
