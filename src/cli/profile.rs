//! `--profile`: where the time of a run went.

use std::time::Duration;

use trapan::engine::Timing;
use trapan::method::Run;

use super::Talk;

/// Prints the time per kernel, with `-v` per call, and the sums against wall time.
pub(super) fn show(run: &Run, talk: Talk) {
    let (timings, Some(log)) = (&run.timings.calls, &run.log) else { return };
    if timings.is_empty() {
        talk.say(format_args!("profile: time per kernel is not supported by this adapter, {}", run.timings.device));
        return;
    }
    let apply = run.timings.apply;
    let wall = log.dam_time + log.fusion_time + apply;
    talk.detail(header("call"));
    for t in timings {
        talk.detail(CallSums::of(&format!("{}: {}", t.plan, t.label), std::slice::from_ref(t)).line(wall));
    }
    talk.say(header("kernel"));
    for row in by_kernel(timings) {
        talk.say(row.line(wall));
    }
    let degradation = ["prepare", "dam"];
    let (first, second): (Vec<Timing>, Vec<Timing>) =
        timings.iter().cloned().partition(|t| degradation.contains(&t.plan.as_str()));
    for (phase, timings, wall) in
        [("degradation", first, log.dam_time), ("alternation and inference", second, log.fusion_time + apply)]
    {
        let sum: Duration = timings.iter().map(|t| t.total).sum();
        let [kernels, all] = [sum, wall].map(|d| d.as_secs_f64());
        talk.say(format_args!("{phase}: {kernels:.2} s in kernels of {all:.2} s wall, {:.1} %", 100.0 * kernels / all));
    }
}

fn header(what: &str) -> String {
    format!("{what:40} {:>8} {:>12} {:>7} {:>9} {:>8}", "runs", "total ms", "wall %", "GFLOP/s", "GB/s")
}

/// Sums of some calls.
struct CallSums {
    name: String,
    runs: u64,
    total: Duration,
    flops: f64,
    bytes: f64,
}

impl CallSums {
    fn of(name: &str, timings: &[Timing]) -> Self {
        let mut row = Self { name: name.to_owned(), runs: 0, total: Duration::ZERO, flops: 0.0, bytes: 0.0 };
        for t in timings {
            row.runs += t.runs;
            row.total += t.total;
            row.flops += t.runs as f64 * t.flops as f64;
            row.bytes += t.runs as f64 * t.bytes as f64;
        }
        row
    }

    fn line(&self, wall: Duration) -> String {
        let seconds = self.total.as_secs_f64();
        let rate = |amount: f64| if seconds > 0.0 { amount / seconds / 1e9 } else { 0.0 };
        format!(
            "{:40} {:8} {:12.1} {:7.1} {:9.1} {:8.1}",
            self.name,
            self.runs,
            seconds * 1e3,
            100.0 * seconds / wall.as_secs_f64(),
            rate(self.flops),
            rate(self.bytes)
        )
    }
}

/// One row per kernel, the most expensive first.
fn by_kernel(timings: &[Timing]) -> Vec<CallSums> {
    let mut names: Vec<&str> = timings.iter().map(|t| t.kernel).collect();
    names.sort_unstable();
    names.dedup();
    let own = |name: &str| timings.iter().filter(|t| t.kernel == name).cloned().collect::<Vec<_>>();
    let mut rows: Vec<CallSums> = names.iter().map(|name| CallSums::of(name, &own(name))).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.total));
    rows
}
