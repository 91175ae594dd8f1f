// 3×3 convolution by a kernel for each cluster of pixels, stride 1, zero padding 1, and its gradients. The kernels
// differ by factors of their taps, inputs and outputs. Channels last; `w` is [3, 3, Ci, Co], factors [N, SEGMENTS, ..].
//
// `clustered` and `clustered_grad_input`: a thread makes four channels of one pixel. `clustered_grad_factors`: a thread
// makes one number of a pixel. `clustered_grad_weight`: a thread owns one element of the gradient. `scaled` and
// `scaled_grad`: a thread for each channel of a pixel.

struct Params {
    n: u32,
    h: u32,
    w: u32,
    ci: u32,
    co: u32,
    add: u32,
    rows: u32,
    slope: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N, H, W, Ci]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [3, 3, Ci, Co]
@group(0) @binding(2) var<storage, read> alpha: array<f32>; // [N, SEGMENTS, 9]
@group(0) @binding(3) var<storage, read> gamma: array<f32>; // [N, SEGMENTS, Ci]
@group(0) @binding(4) var<storage, read> index: array<f32>; // [N, H, W]
@group(0) @binding(5) var<storage, read_write> v: array<f32>; // [N, H, W, Co]
@group(0) @binding(6) var<storage, read> e: array<f32>; // [N, H, W, Co]
@group(0) @binding(7) var<storage, read> share: array<f32>; // [N, SEGMENTS, 9 · Ci]
@group(0) @binding(8) var<storage, read> add: array<f32>; // as the output, if params.add
@group(0) @binding(9) var<storage, read_write> dx: array<f32>; // [N, H, W, Ci]
@group(0) @binding(10) var<storage, read_write> d: array<f32>; // [N, H, W, Ci + 9]
@group(0) @binding(11) var<storage, read_write> part: array<f32>; // [parts, 3, 3, Ci, Co]
@group(0) @binding(12) var<storage, read> sums: array<f32>; // [N, H, W, Co]
@group(0) @binding(13) var<storage, read> omega: array<f32>; // [N, SEGMENTS, Co]
@group(0) @binding(14) var<storage, read> beta: array<f32>; // [N, SEGMENTS, Co]
@group(0) @binding(15) var<storage, read_write> y: array<f32>; // [N, H, W, Co]
@group(0) @binding(16) var<storage, read> dy: array<f32>; // [N, H, W, Co]
@group(0) @binding(17) var<storage, read_write> de: array<f32>; // [N, H, W, Co]
@group(0) @binding(18) var<storage, read_write> dtable: array<f32>; // [N, H, W, 2 · Co]

const SEGMENTS = 33u;
const TAPS = 9u;
const OUTSIDE = 0xffffffffu;

// Number of a pixel in the stack of images, or OUTSIDE. Below zero wraps to outside.
fn pixel(n: u32, row: u32, column: u32) -> u32 {
    return select(OUTSIDE, (n * params.h + row) * params.w + column, row < params.h && column < params.w);
}

// A pixel's image, row and column.
fn place(pixel: u32) -> vec3u {
    return vec3u(pixel / params.w / params.h, pixel / params.w % params.h, pixel % params.w);
}

// Row of a pixel's factors.
fn segment(pixel: u32) -> u32 {
    return pixel / params.w / params.h * SEGMENTS + u32(index[pixel]);
}

fn w_at(tap: u32, c: u32, o: u32) -> f32 {
    if c >= params.ci || o >= params.co {
        return 0.0;
    }
    return w[(tap * params.ci + c) * params.co + o];
}

// v[s, o] = Σ_t α[t] Σ_i γ[i] · x[s + t, i] · W[t, i, o]
@compute @workgroup_size(64)
fn clustered(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let quads = (params.co + 3u) / 4u;
    let i = group_index(group, groups) * 64u + local;
    let to = i / quads;
    if to >= params.n * params.h * params.w {
        return;
    }
    let o = i % quads * 4u;
    let at = place(to);
    let k = segment(to);
    var sum = vec4f();
    for (var t = 0u; t < TAPS; t++) {
        let source = pixel(at.x, at.y + t / 3u - 1u, at.z + t % 3u - 1u);
        if source != OUTSIDE {
            var inner = vec4f();
            for (var c = 0u; c < params.ci; c++) {
                let weights = vec4f(w_at(t, c, o), w_at(t, c, o + 1u), w_at(t, c, o + 2u), w_at(t, c, o + 3u));
                inner += gamma[k * params.ci + c] * x[source * params.ci + c] * weights;
            }
            sum += alpha[k * TAPS + t] * inner;
        }
    }
    for (var j = 0u; j < min(4u, params.co - o); j++) {
        v[to * params.co + o + j] = sum[j];
    }
}

// dx[q, i] = Σ_t (α[t] · γ[i] · Σ_o W[t, i, o] · e[q − t, o] + share[t, i]) by the factors of q − t, + add
@compute @workgroup_size(64)
fn clustered_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let quads = (params.ci + 3u) / 4u;
    let i = group_index(group, groups) * 64u + local;
    let to = i / quads;
    if to >= params.n * params.h * params.w {
        return;
    }
    let c = i % quads * 4u;
    let count = min(4u, params.ci - c);
    let at = place(to);
    var sum = vec4f();
    for (var t = 0u; t < TAPS; t++) {
        let source = pixel(at.x, at.y + 1u - t / 3u, at.z + 1u - t % 3u);
        if source != OUTSIDE {
            let k = segment(source);
            var inner = vec4f();
            for (var o = 0u; o < params.co; o++) {
                let weights = vec4f(w_at(t, c, o), w_at(t, c + 1u, o), w_at(t, c + 2u, o), w_at(t, c + 3u, o));
                inner += e[source * params.co + o] * weights;
            }
            for (var j = 0u; j < count; j++) {
                sum[j] += alpha[k * TAPS + t] * gamma[k * params.ci + c + j] * inner[j]
                    + share[(k * TAPS + t) * params.ci + c + j];
            }
        }
    }
    for (var j = 0u; j < count; j++) {
        let put = to * params.ci + c + j;
        var value = sum[j];
        if params.add == 1u {
            value += add[put];
        }
        dx[put] = value;
    }
}

// Σ_o W[t, i, o] · e[s, o]
fn back(s: u32, t: u32, c: u32) -> f32 {
    var sum = 0.0;
    for (var o = 0u; o < params.co; o++) {
        sum += w[(t * params.ci + c) * params.co + o] * e[s * params.co + o];
    }
    return sum;
}

// d[s] = the gradients of γ, then those of α, at one pixel
@compute @workgroup_size(64)
fn clustered_grad_factors(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let channels = params.ci + TAPS;
    let i = group_index(group, groups) * 64u + local;
    let s = i / channels;
    if s >= params.n * params.h * params.w {
        return;
    }
    let j = i % channels;
    let at = place(s);
    let k = segment(s);
    var sum = 0.0;
    // One input over all taps, or one tap over all inputs.
    let of_input = j < params.ci;
    let first_tap = select(j - params.ci, 0u, of_input);
    let end_tap = select(first_tap + 1u, TAPS, of_input);
    let first = select(0u, j, of_input);
    let end = select(params.ci, j + 1u, of_input);
    for (var t = first_tap; t < end_tap; t++) {
        let source = pixel(at.x, at.y + t / 3u - 1u, at.z + t % 3u - 1u);
        if source != OUTSIDE {
            for (var c = first; c < end; c++) {
                let factor = select(gamma[k * params.ci + c], alpha[k * TAPS + t], of_input);
                sum += factor * x[source * params.ci + c] * back(s, t, c);
            }
        }
    }
    d[i] = sum;
}

// part[k] = Σ over the k-th `rows` image rows of α[t] · γ[i] · x[shifted] eᵀ, per tap
@compute @workgroup_size(256)
fn clustered_grad_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let length = TAPS * params.ci * params.co;
    let blocks = (length + 255u) / 256u;
    let number = group_index(group, groups);
    let run = number / blocks;
    let i = number % blocks * 256u + local;
    let first = run * params.rows;
    if i >= length || first >= params.n * params.h {
        return;
    }
    let o = i % params.co;
    let c = i / params.co % params.ci;
    let t = i / params.co / params.ci;
    let end = min(first + params.rows, params.n * params.h);
    var sum = 0.0;
    for (var r = first; r < end; r++) {
        for (var column = 0u; column < params.w; column++) {
            let source = pixel(r / params.h, r % params.h + t / 3u - 1u, column + t % 3u - 1u);
            if source != OUTSIDE {
                let s = r * params.w + column;
                let k = segment(s);
                let factor = alpha[k * TAPS + t] * gamma[k * params.ci + c];
                sum += factor * x[source * params.ci + c] * e[s * params.co + o];
            }
        }
    }
    part[run * length + i] = sum;
}

// Leaky ReLU.
fn leaky(value: f32) -> f32 {
    return select(params.slope * value, value, value > 0.0);
}

// y = leaky(β + ω · sums) + add
@compute @workgroup_size(64)
fn scaled(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.h * params.w * params.co {
        return;
    }
    let at = segment(i / params.co) * params.co + i % params.co;
    var value = leaky(beta[at] + omega[at] * sums[i]);
    if params.add == 1u {
        value += add[i];
    }
    y[i] = value;
}

// With dz = dy before the leaky ReLU: de = ω · dz, and dtable = [dz · sums, dz]
@compute @workgroup_size(64)
fn scaled_grad(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.h * params.w * params.co {
        return;
    }
    let s = i / params.co;
    let o = i % params.co;
    let at = segment(s) * params.co + o;
    let z = beta[at] + omega[at] * sums[i];
    let dz = select(params.slope, 1.0, z > 0.0) * dy[i];
    de[i] = omega[at] * dz;
    dtable[s * 2u * params.co + o] = dz * sums[i];
    dtable[s * 2u * params.co + params.co + o] = dz;
}

