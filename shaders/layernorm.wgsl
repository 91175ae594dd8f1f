// Layer norm over the channels of a pixel, and its gradients. Channels last; w is [C], then b [C].
//
// The first two: a thread owns a pixel. The weight gradient: a thread owns an element, and a workgroup shares the moments
// of the pixels that it goes over.

struct Params {
    pixels: u32,
    c: u32,
    chunk: u32,
    add: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [pixels, C]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [C], [C]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [pixels, C]
@group(0) @binding(3) var<storage, read> dy: array<f32>; // [pixels, C]
@group(0) @binding(4) var<storage, read> add: array<f32>; // as the output, if params.add
@group(0) @binding(5) var<storage, read_write> dx: array<f32>; // [pixels, C]
@group(0) @binding(6) var<storage, read_write> part: array<f32>; // [parts, 2C]

const EPSILON = 1e-5;
const THREADS = 64u;

// Mean and the reciprocal of the deviation.
fn moments(pixel: u32) -> vec2f {
    let first = pixel * params.c;
    var sum = 0.0;
    for (var k = 0u; k < params.c; k++) {
        sum += x[first + k];
    }
    let mean = sum / f32(params.c);
    var square = 0.0;
    for (var k = 0u; k < params.c; k++) {
        square += (x[first + k] - mean) * (x[first + k] - mean);
    }
    return vec2f(mean, 1.0 / sqrt(square / f32(params.c) + EPSILON));
}

// y = w x̂ + b
@compute @workgroup_size(THREADS)
fn layer_norm(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let pixel = group_index(group, groups) * THREADS + local;
    if pixel >= params.pixels {
        return;
    }
    let m = moments(pixel);
    for (var k = 0u; k < params.c; k++) {
        let i = pixel * params.c + k;
        y[i] = w[k] * ((x[i] - m.x) * m.y) + w[params.c + k];
    }
}

// dx = (g − mean g − x̂ mean(g x̂)) / deviation + add, g = w dy
@compute @workgroup_size(THREADS)
fn layer_norm_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let pixel = group_index(group, groups) * THREADS + local;
    if pixel >= params.pixels {
        return;
    }
    let m = moments(pixel);
    var mean = 0.0;
    var along = 0.0;
    for (var k = 0u; k < params.c; k++) {
        let i = pixel * params.c + k;
        mean += w[k] * dy[i];
        along += w[k] * dy[i] * ((x[i] - m.x) * m.y);
    }
    mean /= f32(params.c);
    along /= f32(params.c);
    for (var k = 0u; k < params.c; k++) {
        let i = pixel * params.c + k;
        var value = (w[k] * dy[i] - mean - (x[i] - m.x) * m.y * along) * m.y;
        if params.add == 1u {
            value += add[i];
        }
        dx[i] = value;
    }
}

var<workgroup> shared_moments: array<vec2f, THREADS>;

// part[k] = Σ over the k-th `chunk` pixels of dy x̂, and of dy, plus add
@compute @workgroup_size(THREADS)
fn layer_norm_grad_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let length = 2u * params.c;
    let blocks = (length + THREADS - 1u) / THREADS;
    let index = group_index(group, groups);
    let run = index / blocks;
    let i = index % blocks * THREADS + local;
    let first = run * params.chunk;
    let end = min(first + params.chunk, params.pixels);
    if first >= params.pixels {
        return;
    }
    let owns = i < length;
    let k = i % params.c;
    var sum = 0.0;
    if owns && params.add == 1u {
        sum = add[run * length + i];
    }
    for (var block = first; block < end; block += THREADS) {
        if block + local < end {
            shared_moments[local] = moments(block + local);
        }
        workgroupBarrier();
        if owns {
            for (var pixel = block; pixel < min(block + THREADS, end); pixel++) {
                let m = shared_moments[pixel - block];
                let at = pixel * params.c + k;
                sum += dy[at] * select(1.0, (x[at] - m.x) * m.y, i < params.c);
            }
        }
        workgroupBarrier();
    }
    if owns {
        part[run * length + i] = sum;
    }
}
