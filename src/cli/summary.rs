//! What a run says of itself, before and after.

use std::time::Duration;

use trapan::method::{Log, Preparation, Run, Timings};

use super::Talk;

/// Says what is fused, and how.
pub(super) fn describe(ready: &Preparation<'_>, talk: Talk) {
    let Preparation { scene, scale, config, .. } = ready;
    let [pan, ms] = [scene.pan(), scene.ms()].map(|r| format!("{}x{}x{} {}", r.width, r.height, r.bands, r.sample));
    talk.say(format_args!("pan {pan}, ms {ms}, ratio {}, {scale}, sensor {}", scene.ratio(), config.sensor));
    scene.warnings.iter().for_each(|warning| talk.warn(warning));
    talk.detail(format_args!("settings: {}", serde_json::to_string(config).expect("settings are plain values")));
}

/// Says what came of a training; times are those of reading and of all.
pub(super) fn summarise(run: &Run, log: &Log, [read, total]: [Duration; 2], talk: Talk) {
    let Timings { device, loading, .. } = &run.timings;
    let full = log.best_full.map_or("no full step".into(), |loss| format!("full loss {loss:.6}"));
    talk.say(format_args!(
        "trained on {device}: degradation loss {:.6} (epoch {}), {full} (weights of epoch {})",
        log.dam_loss, log.dam_epoch, log.epoch
    ));
    if let Some(model) = run.model.as_ref().filter(|model| model.start.is_some()) {
        talk.say(model.summary());
    }
    let s = |d: Duration| d.as_secs_f64();
    talk.detail(format_args!(
        "loaded in {:.0} ms: {} kernels{} in {:.0} ms; {:.0} MB of device memory",
        s(run.timings.load) * 1e3,
        loading.kernels,
        if loading.cached { " from the cache" } else { "" },
        s(loading.compiling) * 1e3,
        loading.bytes as f64 / 1e6
    ));
    let windows = log.windows.len();
    let of = if windows > 1 { format!("{windows} windows of ") } else { String::new() };
    let [h, w] = [log.dims.rows.fine, log.dims.columns.fine];
    let [tile_h, tile_w] = run.timings.tile;
    talk.detail(format_args!("learnt from {of}{w}x{h} pixels of PAN; tiles of {tile_w}x{tile_h}"));
    talk.say(format_args!(
        "{:.1} s: read {:.2}, load {:.2}, degradation {:.1}, alternation {:.1}, inference with files {:.2}",
        s(total),
        s(read),
        s(run.timings.load),
        s(log.dam_time),
        s(log.fusion_time),
        s(run.timings.apply)
    ));
}
