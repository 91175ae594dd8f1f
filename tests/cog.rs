//! Cloud-Optimised GeoTIFFs: what is in the file, byte by byte, and how it comes to be.

use std::{fs, path::Path};

use trapan::raster::{CogWriter, Creation, Layout, Sample};

#[test]
fn big() {
    let w: usize = std::env::var("W").unwrap().parse().unwrap();
    let h: usize = std::env::var("H").unwrap().parse().unwrap();
    let co: Vec<String> =
        std::env::var("CO").unwrap_or_default().split(' ').filter(|s| !s.is_empty()).map(String::from).collect();
    let c = 8;
    let path = Path::new("/tmp/cogtest/big.tif");
    let layout = Layout { range: [0.0, 2047.0], nodata: Some(0.0), ..Layout::new([w, h], c, Sample::U16) };
    let creation = Creation::parse(&co).unwrap();
    let t = std::time::Instant::now();
    let mut file = CogWriter::create(path, &layout, &creation, true).unwrap();
    let n = 64;
    let mut rows = vec![0f32; n * w * c];
    let mut gen_time = 0.0;
    let mut wait = 0.0;
    for top in (0..h).step_by(n) {
        let g = std::time::Instant::now();
        let n = n.min(h - top);
        let mut s = top as u64 * 77 + 1;
        for y in 0..n {
            for x in 0..w {
                let base = 400.0 + 200.0 * ((x as f32) / 37.0).sin() * (((top + y) as f32) / 53.0).cos();
                for b in 0..c {
                    s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    let noise = ((s >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 24.0;
                    rows[(y * w + x) * c + b] = base * (1.0 + 0.1 * b as f32) + noise;
                }
            }
        }
        gen_time += g.elapsed().as_secs_f64();
        let g = std::time::Instant::now();
        file.write_rows(&rows[..n * w * c], None).unwrap();
        wait += g.elapsed().as_secs_f64();
    }
    let f = std::time::Instant::now();
    file.finish().unwrap();
    let raw = (w * h * c * 2) as f64 / 1e6;
    let size = fs::metadata(path).unwrap().len() as f64 / 1e6;
    let total = t.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let hwm = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    eprintln!(
        "{co:?}: raw {raw:.0} MB -> {size:.0} MB ({:.3}), total {total:.2} s, gen {gen_time:.2}, write {wait:.2}, finish {:.2}; {:.0} MB/s; {hwm}",
        size / raw,
        f.elapsed().as_secs_f64(),
        raw / (total - gen_time)
    );
}
