// Sums of an image's pixels by the cluster they belong to. Channels last; an index holds the number of each pixel's
// segment, 0 to SEGMENTS − 1.
//
// `segment_sums`: a thread owns a column of all sums over a run of pixels. The others: a thread makes one number.

struct Params {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    taps: u32,
    chunk: u32,
    runs: u32,
    first: u32,
    columns: u32,
    @size(12) gated: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N, H, W, C]
@group(0) @binding(1) var<storage, read> index: array<f32>; // [N, H, W]
@group(0) @binding(2) var<storage, read_write> sums: array<f32>; // [N, runs, SEGMENTS, taps · C + 1]
@group(0) @binding(3) var<storage, read> part: array<f32>; // [N, runs, SEGMENTS, columns]
@group(0) @binding(4) var<storage, read_write> rows: array<f32>; // [N, SEGMENTS, C]
@group(0) @binding(5) var<storage, read> gate: array<f32>; // [N, SEGMENTS, C], if params.gated
@group(0) @binding(6) var<storage, read> drows: array<f32>; // [N, SEGMENTS, C]
@group(0) @binding(7) var<storage, read_write> share: array<f32>; // [N, SEGMENTS, C]

const SEGMENTS = 33u;
const THREADS = 64u;

var<workgroup> totals: array<f32, SEGMENTS * THREADS>;

// sums[run, k] = Σ over the run's pixels of segment k of their neighbourhoods, and of 1
@compute @workgroup_size(THREADS)
fn segment_sums(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let columns = params.taps * params.c + 1u;
    let blocks = (columns + THREADS - 1u) / THREADS;
    let number = group_index(group, groups);
    let image = number / blocks / params.runs;
    let run = number / blocks % params.runs;
    let column = number % blocks * THREADS + local;
    if image >= params.n || column >= columns {
        return;
    }
    for (var k = 0u; k < SEGMENTS; k++) {
        totals[k * THREADS + local] = 0.0;
    }
    let pixels = params.h * params.w;
    let end = min((run + 1u) * params.chunk, pixels);
    let c = column % params.c;
    // The middle tap if it is the only one.
    let t = select(column / params.c, 4u, params.taps == 1u);
    for (var pixel = run * params.chunk; pixel < end; pixel++) {
        var value = 1.0;
        if column < columns - 1u {
            // Below zero wraps to outside.
            let row = pixel / params.w + t / 3u - 1u;
            let place = pixel % params.w + t % 3u - 1u;
            if row >= params.h || place >= params.w {
                continue;
            }
            value = x[(image * pixels + row * params.w + place) * params.c + c];
        }
        totals[u32(index[image * pixels + pixel]) * THREADS + local] += value;
    }
    for (var k = 0u; k < SEGMENTS; k++) {
        sums[((image * params.runs + run) * SEGMENTS + k) * columns + column] = totals[k * THREADS + local];
    }
}

// Sum over the runs of one column of a segment.
fn total(image: u32, k: u32, column: u32) -> f32 {
    var sum = 0.0;
    for (var run = 0u; run < params.runs; run++) {
        sum += part[((image * params.runs + run) * SEGMENTS + k) * params.columns + column];
    }
    return sum;
}

// rows[k] = mean over the pixels of segment k, the last over all pixels
@compute @workgroup_size(64)
fn segment_means(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * SEGMENTS * params.c {
        return;
    }
    let image = i / params.c / SEGMENTS;
    let k = i / params.c % SEGMENTS;
    let c = i % params.c;
    var sum = 0.0;
    var count = f32(params.h * params.w);
    if k < SEGMENTS - 1u {
        sum = total(image, k, c);
        count = max(total(image, k, params.columns - 1u), 1.0);
    } else {
        for (var each = 0u; each < SEGMENTS; each++) {
            sum += total(image, each, c);
        }
    }
    rows[i] = sum / count;
}

// rows[k] = sum over the pixels of segment k, times gate (1 − gate) if there is one
@compute @workgroup_size(64)
fn segment_totals(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * SEGMENTS * params.c {
        return;
    }
    var sum = total(i / params.c / SEGMENTS, i / params.c % SEGMENTS, params.first + i % params.c);
    if params.gated == 1u {
        sum *= gate[i] * (1.0 - gate[i]);
    }
    rows[i] = sum;
}

// share[k] = drows[k] / pixels of segment k + drows[last] / all pixels
@compute @workgroup_size(64)
fn segment_spread(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * SEGMENTS * params.c {
        return;
    }
    let image = i / params.c / SEGMENTS;
    let k = i / params.c % SEGMENTS;
    let last = (image * SEGMENTS + SEGMENTS - 1u) * params.c + i % params.c;
    var value = drows[last] / f32(params.h * params.w);
    if k < SEGMENTS - 1u {
        value += drows[i] / max(total(image, k, params.columns - 1u), 1.0);
    }
    share[i] = value;
}

