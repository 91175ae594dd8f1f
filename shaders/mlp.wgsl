// Per-pixel MLP  y = w3·h2 + b3,  h2 = σ(W2 h1 + b2),  h1 = σ(W1 x + b1),  and its gradients:
//   d2 = dy · w3 ⊙ h2(1−h2)      d1 = W2ᵀ d2 ⊙ h1(1−h1)      dx = W1ᵀ d1
//   dW1 = d1 xᵀ   db1 = d1   dW2 = d2 h1ᵀ   db2 = d2   dw3 = dy h2   db3 = dy
// Sizes from the host: C bands, D hidden values (32). At C = 8 a pixel costs 1.3 kFMA
// forward, a hundredth of the convolutions around it: kept plain.

struct Params {
    pixels: u32,
    d: u32,
    @size(8) chunk: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [pixels, C]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [LEN]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [pixels]
@group(0) @binding(3) var<storage, read> dy: array<f32>; // [pixels]
@group(0) @binding(4) var<storage, read_write> dx: array<f32>; // [pixels, C]
@group(0) @binding(5) var<storage, read_write> part: array<f32>; // [parts, LEN]

// Places in the flat parameter: W1 [D, C], b1 [D], W2 [D, D], b2 [D], w3 [D], b3.
const B1 = D * C;
const W2 = B1 + D;
const B2 = W2 + D * D;
const W3 = B2 + D;
const B3 = W3 + D;
const LEN = B3 + 1u;

// The exponent is never positive, so nothing overflows.
fn sigmoid(v: f32) -> f32 {
    let e = exp(-abs(v));
    return select(e, 1.0, v >= 0.0) / (1.0 + e);
}

fn sigmoid4(v: vec4f) -> vec4f {
    let e = exp(-abs(v));
    return select(e, vec4f(1.0), v >= vec4f(0.0)) / (1.0 + e);
}

fn first_layer(pixel: u32) -> array<f32, D> {
    var h: array<f32, D>;
    for (var i = 0u; i < D; i++) {
        var sum = w[B1 + i];
        for (var c = 0u; c < C; c++) {
            sum += w[i * C + c] * x[pixel * C + c];
        }
        h[i] = sigmoid(sum);
    }
    return h;
}

fn second_layer(h1: ptr<function, array<f32, D>>, i: u32) -> f32 {
    var sum = w[B2 + i];
    for (var j = 0u; j < D; j++) {
        sum += w[W2 + i * D + j] * (*h1)[j];
    }
    return sigmoid(sum);
}

// y = g(x), one thread per pixel
@compute @workgroup_size(64)
fn mlp(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let pixel = group_index(group, groups) * 64u + local;
    if pixel >= params.pixels {
        return;
    }
    var h1 = first_layer(pixel);
    var sum = w[B3];
    for (var i = 0u; i < D; i++) {
        sum += w[W3 + i] * second_layer(&h1, i);
    }
    y[pixel] = sum;
}

// dx = (∂g/∂x)ᵀ dy, one thread per pixel
@compute @workgroup_size(64)
fn mlp_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let pixel = group_index(group, groups) * 64u + local;
    if pixel >= params.pixels {
        return;
    }
    var h1 = first_layer(pixel);
    var back: array<f32, D>; // W2ᵀ d2
    for (var i = 0u; i < D; i++) {
        let h2 = second_layer(&h1, i);
        let d2 = dy[pixel] * w[W3 + i] * h2 * (1.0 - h2);
        for (var j = 0u; j < D; j++) {
            back[j] += w[W2 + i * D + j] * d2;
        }
    }
    var sums: array<f32, C>;
    for (var j = 0u; j < D; j++) {
        let d1 = back[j] * h1[j] * (1.0 - h1[j]);
        for (var c = 0u; c < C; c++) {
            sums[c] += w[j * C + c] * d1;
        }
    }
    for (var c = 0u; c < C; c++) {
        dx[pixel * C + c] = sums[c];
    }
}

// The weight gradient takes 16 pixels at a time, as four vec4s. Every parameter's
// gradient is a sum over pixels of one delta times one value: a thread
// keeps the sums of its own parameters. At C = 8, D = 32: 8.8 KB, 11 parameters each.
const THREADS = 128u;
const QUADS = 4u;
const OWN = (LEN + THREADS - 1u) / THREADS;
// Rows of `delta`: d1, d2, dy.
const D2 = D;
const DY = 2u * D;
// Rows of `value`: x, h1, h2, ones.
const H1 = C;
const H2 = C + D;
const ONE = C + 2u * D;
var<workgroup> delta: array<array<vec4f, 2u * D + 1u>, QUADS>;
var<workgroup> value: array<array<vec4f, C + 2u * D + 1u>, QUADS>;

// Rows of `delta` and `value` whose product is the gradient of parameter k.
fn factors(k: u32) -> vec2u {
    if k < B1 {
        return vec2u(k / C, k % C);
    } else if k < W2 {
        return vec2u(k - B1, ONE);
    } else if k < B2 {
        return vec2u(D2 + (k - W2) / D, H1 + (k - W2) % D);
    } else if k < W3 {
        return vec2u(D2 + k - B2, ONE);
    } else if k < B3 {
        return vec2u(DY, H2 + k - W3);
    }
    return vec2u(DY, ONE);
}

// x[pixel.., c] of four pixels, zero at and after `end`
fn x_quad(pixel: u32, end: u32, c: u32) -> vec4f {
    var v = vec4f(0.0);
    for (var i = 0u; i < 4u; i++) {
        if pixel + i < end {
            v[i] = x[(pixel + i) * C + c];
        }
    }
    return v;
}

fn dy_quad(pixel: u32, end: u32) -> vec4f {
    var v = vec4f(0.0);
    for (var i = 0u; i < 4u; i++) {
        if pixel + i < end {
            v[i] = dy[pixel + i];
        }
    }
    return v;
}

// part[p] = gradient of the flat parameter over the p-th `chunk` pixels
@compute @workgroup_size(THREADS)
fn mlp_grad_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let p = group_index(group, groups);
    let end = min((p + 1u) * params.chunk, params.pixels);
    var sums: array<f32, OWN>;
    for (var pixel = p * params.chunk; pixel < end; pixel += 4u * QUADS) {
        workgroupBarrier();
        // Pixels beyond the end get dy = 0, hence d2 = d1 = 0, and add nothing.
        for (var t = local; t < QUADS * (C + 1u); t += THREADS) {
            let q = t % QUADS;
            if t / QUADS < C {
                value[q][t / QUADS] = x_quad(pixel + 4u * q, end, t / QUADS);
            } else {
                value[q][ONE] = vec4f(1.0);
                delta[q][DY] = dy_quad(pixel + 4u * q, end);
            }
        }
        workgroupBarrier();
        for (var t = local; t < QUADS * D; t += THREADS) {
            let q = t % QUADS;
            let i = t / QUADS;
            var sum = vec4f(w[B1 + i]);
            for (var c = 0u; c < C; c++) {
                sum += w[i * C + c] * value[q][c];
            }
            value[q][H1 + i] = sigmoid4(sum);
        }
        workgroupBarrier();
        for (var t = local; t < QUADS * D; t += THREADS) {
            let q = t % QUADS;
            let i = t / QUADS;
            var sum = vec4f(w[B2 + i]);
            for (var j = 0u; j < D; j++) {
                sum += w[W2 + i * D + j] * value[q][H1 + j];
            }
            let h2 = sigmoid4(sum);
            value[q][H2 + i] = h2;
            delta[q][D2 + i] = delta[q][DY] * w[W3 + i] * h2 * (1.0 - h2);
        }
        workgroupBarrier();
        for (var t = local; t < QUADS * D; t += THREADS) {
            let q = t % QUADS;
            let j = t / QUADS;
            var sum = vec4f(0.0);
            for (var i = 0u; i < D; i++) {
                sum += w[W2 + i * D + j] * delta[q][D2 + i];
            }
            let h1 = value[q][H1 + j];
            delta[q][j] = sum * h1 * (1.0 - h1);
        }
        workgroupBarrier();
        for (var m = 0u; m < OWN; m++) {
            let at = factors(min(m * THREADS + local, LEN - 1u));
            for (var q = 0u; q < QUADS; q++) {
                sums[m] += dot(delta[q][at.x], value[q][at.y]);
            }
        }
    }
    for (var m = 0u; m < OWN; m++) {
        let k = m * THREADS + local;
        if k < LEN && p * params.chunk < params.pixels {
            part[p * LEN + k] = sums[m];
        }
    }
}
