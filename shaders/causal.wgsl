// Causal convolution of four taps along the pixels of an image, then SiLU, and its gradients. Channels last; w is [4, C],
// the pixel's own last, then C biases. A thread makes one number.

struct Params {
    n: u32,
    pixels: u32,
    c: u32,
    chunk: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N, pixels, C]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [4, C], [C]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [N, pixels, C]
@group(0) @binding(3) var<storage, read> dy: array<f32>; // [N, pixels, C]
@group(0) @binding(4) var<storage, read_write> dv: array<f32>; // [N, pixels, C]
@group(0) @binding(5) var<storage, read> e: array<f32>; // [N, pixels, C]: dv again
@group(0) @binding(6) var<storage, read_write> dx: array<f32>; // [N, pixels, C]
@group(0) @binding(7) var<storage, read_write> part: array<f32>; // [N runs, weights and biases]

const TAPS = 4u;

fn convolved(i: u32) -> f32 {
    let c = i % params.c;
    let t = i / params.c;
    let pixel = t % params.pixels;
    var sum = w[TAPS * params.c + c];
    for (var k = 0u; k < TAPS; k++) {
        let before = TAPS - 1u - k;
        if pixel >= before {
            sum += w[k * params.c + c] * x[(t - before) * params.c + c];
        }
    }
    return sum;
}

fn sigmoid(v: f32) -> f32 {
    return 1.0 / (1.0 + exp(-v));
}

// y = silu(v)
@compute @workgroup_size(64)
fn causal(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.pixels * params.c {
        return;
    }
    let v = convolved(i);
    y[i] = v * sigmoid(v);
}

// dv = dy silu'(v)
@compute @workgroup_size(64)
fn causal_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.pixels * params.c {
        return;
    }
    let v = convolved(i);
    let s = sigmoid(v);
    dv[i] = dy[i] * s * (1.0 + v * (1.0 - s));
}

// dx = what the next pixels took
@compute @workgroup_size(64)
fn causal_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.pixels * params.c {
        return;
    }
    let c = i % params.c;
    let pixel = i / params.c % params.pixels;
    var sum = 0.0;
    for (var ahead = 0u; ahead < TAPS; ahead++) {
        if pixel + ahead < params.pixels {
            sum += w[(TAPS - 1u - ahead) * params.c + c] * e[i + ahead * params.c];
        }
    }
    dx[i] = sum;
}

// part[k] = Σ over a run of x[before] dv, per tap, and of dv; a thread owns an element
@compute @workgroup_size(64)
fn causal_grad_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let length = (TAPS + 1u) * params.c;
    let blocks = (length + 63u) / 64u;
    let index = group_index(group, groups);
    let run = index / blocks;
    let i = index % blocks * 64u + local;
    let runs = (params.pixels + params.chunk - 1u) / params.chunk;
    if i >= length || run >= params.n * runs {
        return;
    }
    let k = i / params.c;
    let c = i % params.c;
    let image = run / runs * params.pixels;
    let first = run % runs * params.chunk;
    let end = min(first + params.chunk, params.pixels);
    var sum = 0.0;
    for (var pixel = first; pixel < end; pixel++) {
        let at = (image + pixel) * params.c + c;
        var factor = 1.0;
        if k < TAPS {
            let before = TAPS - 1u - k;
            factor = 0.0;
            if pixel >= before {
                factor = x[at - before * params.c];
            }
        }
        sum += factor * e[at];
    }
    part[run * length + i] = sum;
}
