//! `trapan bench`: how fast this device is, and how close to its own ceilings.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use trapan::bench::{BANDS, Bench, Budget, Ceilings, GROWTH, Growth, SIDE, Steps, workloads};
use trapan::engine::Device;
use trapan::graph::{Call, Shape};
use trapan::method::Phase;
use trapan::method::config::Backbone;

use super::args::{DeviceArgs, named};
use super::terminal::{self, out};
use super::{CliError, Talk};

/// Version of the JSON's layout.
const SCHEMA: u32 = 1;

/// Arguments of `bench`.
#[derive(Args)]
pub(super) struct BenchArgs {
    #[command(flatten)]
    device: DeviceArgs,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Measure once on small images: a test of the command, not of the device
    #[arg(long)]
    quick: bool,
    /// Network of the training steps
    #[arg(long, default_value = Backbone::default().name(), value_parser = named::<Backbone>(Backbone::NAMES))]
    backbone: Backbone,
    /// Measure how time and memory of a full step grow with image size and bands instead
    #[arg(long)]
    growth: bool,
}

/// One line of the table.
struct BenchLine {
    name: String,
    shape: Shape,
    kernels: Vec<&'static str>,
    flops: usize,
    bytes: usize,
    seconds: f64,
    /// Least time by the ceilings, over the time.
    roofline: f64,
}

impl BenchLine {
    fn new(name: String, shape: Shape, calls: &[Call], seconds: f64, ceilings: &Ceilings) -> Self {
        let mut kernels: Vec<&str> = calls.iter().map(|c| c.kernel.name).collect();
        kernels.sort_unstable();
        kernels.dedup();
        let (flops, bytes) = (calls.iter().map(Call::flops).sum(), calls.iter().map(Call::bytes).sum());
        Self { name, shape, kernels, flops, bytes, seconds, roofline: ceilings.bound(calls) / seconds }
    }

    fn header() -> String {
        format!("{:31} {:15} {:>10} {:>9} {:>8} {:>9}", "kernel", "shape", "ms", "GFLOP/s", "GB/s", "roofline")
    }

    fn line(&self) -> String {
        let rate = |amount: usize| amount as f64 / self.seconds / 1e9;
        format!(
            "{:31} {:15} {:10.3} {:9.1} {:8.1} {:7.0} %",
            self.name,
            format!("{:?}", self.shape),
            self.seconds * 1e3,
            rate(self.flops),
            rate(self.bytes),
            100.0 * self.roofline
        )
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "shape": self.shape.0,
            "kernels": self.kernels,
            "flops": self.flops,
            "bytes": self.bytes,
            "seconds": self.seconds,
            "gflop_s": self.flops as f64 / self.seconds / 1e9,
            "gb_s": self.bytes as f64 / self.seconds / 1e9,
            "roofline": self.roofline,
        })
    }
}

/// Below the table: how to read it.
const NOTES: &str = "\
FLOPs of convolutions are those of the direct sum; bytes are each tensor once. The roofline is the
least time that the ceilings allow for them. More than 100 % is no mistake: Winograd's forms multiply
2 (GPU) to 4 (CPU) times less than the direct sum, and small tensors never leave the caches.
Measure on an idle machine: the ceilings and the rest are not measured at one time.";

/// Runs `bench`.
pub(super) fn run(args: &BenchArgs, talk: Talk) -> Result<(), CliError> {
    let device = args.device.open_fresh(talk)?;
    let (side, effort) = match (args.quick, device.is_software()) {
        (true, _) => (64, Budget { samples: 1, least: Duration::ZERO }),
        (_, true) => (128, Budget { samples: 3, least: Duration::from_millis(20) }),
        _ => (SIDE, Budget { samples: 7, least: Duration::from_millis(50) }),
    };
    if args.growth {
        return growth(&device, args, effort, talk);
    }
    let print = |lines: &str| {
        if !args.json {
            terminal::lines(lines);
        }
    };
    let ceilings = Ceilings::measure(&device, side, effort)?;
    let (bandwidth, flops) = (ceilings.bandwidth / 1e9, ceilings.flops / 1e9);
    print(&format!(
        "ceilings: copy {bandwidth:.1} GB/s, fused multiply-adds {flops:.1} GFLOP/s\n\n{}",
        BenchLine::header()
    ));

    let mut kernels = Vec::new();
    for workload in workloads(side) {
        let mut bench = Bench::load(&device, &workload)?;
        let seconds = effort.median(|count| bench.time(count))?;
        let first = bench.calls()[0].args[0].expect("the first argument is never optional");
        let name = format!("{} {}", workload.group, workload.name);
        let row = BenchLine::new(name, first.shape(), bench.calls(), seconds, &ceilings);
        print(&row.line());
        kernels.push(row);
    }

    let mut steps = Steps::load(&device, side, BANDS, args.backbone)?;
    let (mut rows, mut counts, mut fuse) = (Vec::new(), Vec::new(), 0.0);
    for phase in [Phase::Dam, Phase::Reduced, Phase::Full] {
        let seconds = effort.median(|count| steps.time(phase, count))?;
        let row = BenchLine::new(format!("{phase} step"), steps.shape(phase), steps.calls(phase), seconds, &ceilings);
        print(&row.line());
        counts.push((phase, steps.count(phase)));
        fuse += steps.count(phase) as f64 * steps.scale(phase) * seconds;
        rows.push(row);
    }

    let list = counts.iter().map(|(phase, count)| format!("{count} {phase}")).collect::<Vec<_>>().join(", ");
    let scaled = if side == SIDE { String::new() } else { format!(", scaled by FLOPs from {side}×{side}") };
    let memory = steps.memory();
    let [_, h, w, _] = steps.shape(Phase::Full).0;
    print(&format!("\nmemory of the {h}x{w}x{BANDS} model: {:.0} MB", memory as f64 / 1e6));
    print(&format!(
        "\na default fuse of {SIDE}×{SIDE}×{BANDS} takes about {fuse:.1} s for its steps ({list}){scaled},\nplus start-up and files\n\n{NOTES}"
    ));
    if args.json {
        let steps: Vec<Value> = rows
            .iter()
            .zip(&counts)
            .map(|(row, (_, count))| {
                let mut step = row.json();
                step["count"] = json!(count);
                step
            })
            .collect();
        let all = json!({
            "schema": SCHEMA,
            "trapan": env!("CARGO_PKG_VERSION"),
            "device": device.to_string(),
            "precision": args.device.precision.to_string(),
            "convolution": args.device.convolution.to_string(),
            "side": side,
            "bands": BANDS,
            "backbone": args.backbone,
            "ceilings": { "copy_gb_s": bandwidth, "fma_gflop_s": flops },
            "kernels": kernels.iter().map(BenchLine::json).collect::<Vec<_>>(),
            "steps": steps,
            "memory_bytes": memory,
            "fuse": { "side": SIDE, "bands": BANDS, "seconds": fuse },
        });
        terminal::json(&all);
    }
    Ok(())
}

/// Measures a full step at every size that the device can hold.
fn growth(device: &Device, args: &BenchArgs, effort: Budget, talk: Talk) -> Result<(), CliError> {
    let mut rows = Vec::new();
    if !args.json {
        out!("{:>10} {:>6} {:>10} {:>10} {:>9} {:>12}", "pan", "bands", "ms", "ns/pixel", "MiB", "bytes/pixel");
    }
    let sizes = GROWTH.iter().filter(|(side, _)| !args.quick || *side <= 128);
    for size in sizes {
        let point = match Growth::measure(device, *size, effort) {
            Ok(point) => point,
            Err(error) => {
                let error = CliError::from(error);
                talk.say(format_args!("{0}x{0} with {1} bands: {error}", size.0, size.1));
                continue;
            }
        };
        let Growth { side, bands, seconds, bytes } = point;
        let (ns, each) = (seconds * 1e9 / point.pixels() as f64, bytes as f64 / point.pixels() as f64);
        if !args.json {
            let (ms, mib) = (seconds * 1e3, bytes as f64 / (1 << 20) as f64);
            out!("{:>10} {bands:>6} {ms:10.2} {ns:10.0} {mib:9.1} {each:12.0}", format!("{side}x{side}"));
        }
        rows.push(json!({ "side": side, "bands": bands, "seconds": seconds, "bytes": bytes, "ns_per_pixel": ns }));
    }
    if args.json {
        let version = env!("CARGO_PKG_VERSION");
        let all = json!({ "schema": SCHEMA, "trapan": version, "device": device.to_string(), "growth": rows });
        terminal::json(&all);
    }
    Ok(())
}
