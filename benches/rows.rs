//! Closed forms applied to a whole image at once: the upsampled image and MTF-GLP-FS, bands of one MTF gain and
//! of two. Throughput is in bytes that have to pass at least once: PAN and MS in, both images out.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use trapan::classical::{Form, FormStream, Inputs, Method, TvSettings};
use trapan::filter::{Grid, Upsample};

fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("closed forms");
    for (side, bands) in [(512, 8), (4096, 4)] {
        let grid = Grid::aligned(side, 4);
        let mut gains = vec![0.3; bands];
        gains[bands - 1] = 0.22;
        let texture = |i: usize| 500.0 + (i.wrapping_mul(2_654_435_761) >> 7 & 255) as f32;
        let pan: Vec<f32> = (0..side * side).map(texture).collect();
        let ms: Vec<f32> = (0..side * side / 16 * bands).map(texture).collect();
        // Statistics of a part: here only the time of applying them matters.
        let part = Grid::aligned(64, 4);
        for upsample in [Upsample::Spline, Upsample::Cubic] {
            let window = Inputs {
                pan: &pan[..64 * 64],
                ms: &ms[..16 * 16 * bands],
                rows: part,
                columns: part,
                ms_gains: &gains,
                pan_gain: 0.15,
                upsample,
                valid: None,
                tv: TvSettings::default(),
            };
            for method in [Method::MtfGlpFs, Method::MtfGlpHpmR, Method::BdsdPc] {
                let forms = Form::fit(&[method], std::slice::from_ref(&window)).expect("it can be fitted");
                let stream = FormStream::new([grid; 2], upsample, &gains, &forms).expect("the grids can be used");
                let (mut lms, mut fused) = stream.whole(&pan, &ms);
                let bytes = 4 * (pan.len() + ms.len() + 2 * lms.len());
                group.throughput(Throughput::Bytes(bytes as u64));
                let name = BenchmarkId::new(format!("{method} {upsample:?}"), format!("{side}x{side}x{bands}"));
                group.bench_function(name, |b| {
                    b.iter(|| stream.rows(0..side, &pan, &ms, &mut lms, &mut [&mut fused[0]]));
                });
            }
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = rows
}
criterion_main!(benches);
