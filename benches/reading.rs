//! Reading a scene from top to bottom, a window of rows at a time, by compression. Throughput is in bytes of decoded
//! values.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use trapan::tiff::{Creation, Layout, Sample, Source, Window, write};

const SIDE: usize = 2048;
const BANDS: usize = 4;
const ROWS: usize = 256;

fn reading(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder for files");
    let mut group = c.benchmark_group("reading");
    group.throughput(Throughput::Bytes((SIDE * SIDE * BANDS * 2) as u64));
    // Smooth, with some noise in the last bits, as scenes are.
    let value = |i: usize| {
        let (x, y) = (i / BANDS % SIDE, i / BANDS / SIDE);
        (500 + ((x * y) >> 9) % 900 + (i.wrapping_mul(2_654_435_761) >> 7 & 31)) as f32
    };
    let data: Vec<f32> = (0..SIDE * SIDE * BANDS).map(value).collect();
    for options in ["NONE", "LZW", "DEFLATE", "ZSTD", "PACKBITS"] {
        let path = folder.path().join(format!("{options}.tif"));
        let creation = Creation::parse(&[format!("COMPRESS={options}"), "OVERVIEWS=NONE".into()]).expect("options");
        let layout = Layout::new([SIDE, SIDE], BANDS, Sample::U16);
        write(&path, &layout, &data, None, &creation, false).expect("a file");
        group.bench_function(BenchmarkId::new(options, format!("{SIDE}x{SIDE}x{BANDS}")), |b| {
            b.iter(|| {
                let source = Source::open(&[&path]).expect("the file");
                for y in (0..SIDE).step_by(ROWS) {
                    let window = Window { x: 0, y, width: SIDE, height: ROWS };
                    black_box(source.read(window).expect("its rows"));
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = reading
}
criterion_main!(benches);
