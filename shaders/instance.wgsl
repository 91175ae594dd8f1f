// Instance norm of the first channels of an image over its pixels, and its gradients; and what becomes of sums over pixels.
// Channels last; w is [K], then b [K].

struct Params {
    n: u32,
    pixels: u32,
    c: u32,
    k: u32,
    chunk: u32,
    runs: u32,
    count: u32,
    gated: u32,
}

@group(0) @binding(0) var<storage, read> part: array<f32>; // [N, runs, C]
@group(0) @binding(1) var<storage, read> gate: array<f32>; // [N, C], if params.gated
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [N, C] or as x
@group(0) @binding(3) var<storage, read> x: array<f32>; // [N, pixels, C]
@group(0) @binding(4) var<storage, read> mean: array<f32>; // [N, C]
@group(0) @binding(5) var<storage, read_write> sums: array<f32>; // [N, runs, C or 2K]
@group(0) @binding(6) var<storage, read> variance: array<f32>; // [N, C]
@group(0) @binding(7) var<storage, read> w: array<f32>; // [K], [K]
@group(0) @binding(8) var<storage, read> dy: array<f32>; // [N, pixels, C]
@group(0) @binding(9) var<storage, read> means: array<f32>; // [N, 2K]
@group(0) @binding(10) var<storage, read_write> dx: array<f32>; // [N, pixels, C]

const EPSILON = 1e-5;

// y = Σ part / count, times gate (1 − gate)
@compute @workgroup_size(64)
fn image_means(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.c {
        return;
    }
    var sum = 0.0;
    for (var run = 0u; run < params.runs; run++) {
        sum += part[(i / params.c * params.runs + run) * params.c + i % params.c];
    }
    var value = sum / f32(params.count);
    if params.gated == 1u {
        value *= gate[i] * (1.0 - gate[i]);
    }
    y[i] = value;
}

// What a thread sums of a run: its image, its column, the pixels.
struct Column {
    run: u32,
    image: u32,
    column: u32,
    first: u32,
    end: u32,
}

fn column_of(index: u32, local: u32, columns: u32) -> Column {
    let blocks = (columns + 63u) / 64u;
    let run = index / blocks;
    let first = run % params.runs * params.chunk;
    let image = run / params.runs;
    let start = image * params.pixels;
    let end = min(first + params.chunk, params.pixels);
    return Column(run, image, index % blocks * 64u + local, start + first, start + end);
}

// sums[n, k] = Σ over the k-th `chunk` pixels of (x − mean)²
@compute @workgroup_size(64)
fn instance_spread(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let at = column_of(group_index(group, groups), local, params.c);
    if at.run >= params.n * params.runs || at.column >= params.c {
        return;
    }
    let level = mean[at.image * params.c + at.column];
    var sum = 0.0;
    for (var t = at.first; t < at.end; t++) {
        let distance = x[t * params.c + at.column] - level;
        sum += distance * distance;
    }
    sums[at.run * params.c + at.column] = sum;
}

fn deviation(image: u32, c: u32) -> f32 {
    return sqrt(variance[image * params.c + c] + EPSILON);
}

fn normalised(i: u32, image: u32, c: u32) -> f32 {
    return (x[i] - mean[image * params.c + c]) / deviation(image, c);
}

// y = w x̂ + b
@compute @workgroup_size(64)
fn instance_norm(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.pixels * params.c {
        return;
    }
    let c = i % params.c;
    let image = i / params.c / params.pixels;
    if c < params.k {
        y[i] = w[c] * normalised(i, image, c) + w[params.k + c];
    } else {
        y[i] = x[i];
    }
}

// sums[n, k] = Σ over the k-th `chunk` pixels of dy x̂, and of dy
@compute @workgroup_size(64)
fn instance_grad_sums(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let columns = 2u * params.k;
    let at = column_of(group_index(group, groups), local, columns);
    if at.run >= params.n * params.runs || at.column >= columns {
        return;
    }
    let c = at.column % params.k;
    var sum = 0.0;
    for (var t = at.first; t < at.end; t++) {
        let i = t * params.c + c;
        if at.column < params.k {
            sum += dy[i] * normalised(i, at.image, c);
        } else {
            sum += dy[i];
        }
    }
    sums[at.run * columns + at.column] = sum;
}

// dx = w (dy − mean dy − x̂ mean(dy x̂)) / deviation
@compute @workgroup_size(64)
fn instance_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.pixels * params.c {
        return;
    }
    let c = i % params.c;
    let image = i / params.c / params.pixels;
    if c < params.k {
        let along = means[2u * image * params.k + c];
        let level = means[(2u * image + 1u) * params.k + c];
        dx[i] = w[c] * (dy[i] - level - normalised(i, image, c) * along) / deviation(image, c);
    } else {
        dx[i] = dy[i];
    }
}
