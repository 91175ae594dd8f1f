// Per-pixel MLP  y = w3·h2 + b3,  h2 = σ(W2 h1 + b2),  h1 = σ(W1 x + b1),  and its gradients:
//   d2 = dy · w3 ⊙ h2(1−h2)      d1 = W2ᵀ d2 ⊙ h1(1−h1)      dx = W1ᵀ d1
//   dW1 = d1 xᵀ   db1 = d1   dW2 = d2 h1ᵀ   db2 = d2   dw3 = dy h2   db3 = dy
// Sizes from the host: C bands, D hidden values (32; at most 128). At C = 8 a pixel costs
// 1.3 kFMA forward, a hundredth of the convolutions around it.

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
fn sigmoid4(v: vec4f) -> vec4f {
    let e = exp(-abs(v));
    return select(e, vec4f(1.0), v >= vec4f(0.0)) / (1.0 + e);
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

// ---- forward and input gradient ----
//
// A workgroup takes 32 pixels, as quads; a thread four hidden values of one quad. Hidden
// values pass through workgroup memory (9.2 KB): in an array of the thread they would
// spill, or be unrolled into thousands of instructions, which drivers take 0.2 s to
// compile.
const Q = min(8u, 1024u / (2u * D + C));
const TILE_THREADS = Q * ((D + 3u) / 4u);

var<workgroup> input: array<array<vec4f, Q>, C>;
// [hidden value][quad]: h1, later d1
var<workgroup> first: array<array<vec4f, Q>, D>;
// d2; or the sums of y
var<workgroup> second: array<array<vec4f, Q>, D>;

// A thread's four hidden values.
struct Four {
    a: vec4f,
    b: vec4f,
    c: vec4f,
    d: vec4f,
}

fn load_input(pixel: u32, local: u32) {
    for (var t = local; t < C * Q; t += TILE_THREADS) {
        input[t / Q][t % Q] = x_quad(pixel + 4u * (t % Q), params.pixels, t / Q);
    }
}

// Hidden values beyond the last are computed like the last, and stored nowhere.
fn hidden(i: u32) -> u32 {
    return min(i, D - 1u);
}

fn put_first(i: u32, quad: u32, h: Four) {
    first[hidden(i)][quad] = h.a;
    if i + 1u < D {
        first[i + 1u][quad] = h.b;
    }
    if i + 2u < D {
        first[i + 2u][quad] = h.c;
    }
    if i + 3u < D {
        first[i + 3u][quad] = h.d;
    }
}

// h1 of four hidden values from i on
fn first_layer(i: u32, quad: u32) -> Four {
    let at = vec4u(hidden(i), hidden(i + 1u), hidden(i + 2u), hidden(i + 3u));
    var h = Four(vec4f(w[B1 + at.x]), vec4f(w[B1 + at.y]), vec4f(w[B1 + at.z]), vec4f(w[B1 + at.w]));
    for (var c = 0u; c < C; c++) {
        let v = input[c][quad];
        h.a += w[at.x * C + c] * v;
        h.b += w[at.y * C + c] * v;
        h.c += w[at.z * C + c] * v;
        h.d += w[at.w * C + c] * v;
    }
    return Four(sigmoid4(h.a), sigmoid4(h.b), sigmoid4(h.c), sigmoid4(h.d));
}

// h2 of four hidden values from i on
fn second_layer(i: u32, quad: u32) -> Four {
    let at = vec4u(hidden(i), hidden(i + 1u), hidden(i + 2u), hidden(i + 3u));
    var h = Four(vec4f(w[B2 + at.x]), vec4f(w[B2 + at.y]), vec4f(w[B2 + at.z]), vec4f(w[B2 + at.w]));
    for (var j = 0u; j < D; j++) {
        let v = first[j][quad];
        h.a += w[W2 + at.x * D + j] * v;
        h.b += w[W2 + at.y * D + j] * v;
        h.c += w[W2 + at.z * D + j] * v;
        h.d += w[W2 + at.w * D + j] * v;
    }
    return Four(sigmoid4(h.a), sigmoid4(h.b), sigmoid4(h.c), sigmoid4(h.d));
}

// w3 of a hidden value, zero beyond the last
fn last_weight(i: u32) -> f32 {
    return select(0.0, w[W3 + hidden(i)], i < D);
}

// y = g(x)
@compute @workgroup_size(TILE_THREADS)
fn mlp(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let pixel = group_index(group, groups) * 4u * Q;
    if pixel >= params.pixels {
        return; // the whole workgroup
    }
    let quad = local % Q;
    let i = local / Q * 4u;
    load_input(pixel, local);
    workgroupBarrier();
    put_first(i, quad, first_layer(i, quad));
    workgroupBarrier();
    let h = second_layer(i, quad);
    second[local / Q][quad] =
        last_weight(i) * h.a + last_weight(i + 1u) * h.b + last_weight(i + 2u) * h.c + last_weight(i + 3u) * h.d;
    workgroupBarrier();
    if local < Q {
        var sum = vec4f(w[B3]);
        for (var k = 0u; k < TILE_THREADS / Q; k++) {
            sum += second[k][local];
        }
        for (var k = 0u; k < 4u; k++) {
            if pixel + 4u * local + k < params.pixels {
                y[pixel + 4u * local + k] = sum[k];
            }
        }
    }
}

fn put_second(i: u32, quad: u32, d2: Four) {
    second[hidden(i)][quad] = d2.a;
    if i + 1u < D {
        second[i + 1u][quad] = d2.b;
    }
    if i + 2u < D {
        second[i + 2u][quad] = d2.c;
    }
    if i + 3u < D {
        second[i + 3u][quad] = d2.d;
    }
}

// d1 of four hidden values from i on
fn first_delta(i: u32, quad: u32) -> Four {
    let at = vec4u(hidden(i), hidden(i + 1u), hidden(i + 2u), hidden(i + 3u));
    var sum = Four(vec4f(), vec4f(), vec4f(), vec4f()); // W2ᵀ d2
    for (var j = 0u; j < D; j++) {
        let v = second[j][quad];
        sum.a += w[W2 + j * D + at.x] * v;
        sum.b += w[W2 + j * D + at.y] * v;
        sum.c += w[W2 + j * D + at.z] * v;
        sum.d += w[W2 + j * D + at.w] * v;
    }
    let h = Four(first[at.x][quad], first[at.y][quad], first[at.z][quad], first[at.w][quad]);
    return Four(
        sum.a * h.a * (1.0 - h.a),
        sum.b * h.b * (1.0 - h.b),
        sum.c * h.c * (1.0 - h.c),
        sum.d * h.d * (1.0 - h.d),
    );
}

// dx = (∂g/∂x)ᵀ dy
@compute @workgroup_size(TILE_THREADS)
fn mlp_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let pixel = group_index(group, groups) * 4u * Q;
    if pixel >= params.pixels {
        return; // the whole workgroup
    }
    let quad = local % Q;
    let i = local / Q * 4u;
    load_input(pixel, local);
    workgroupBarrier();
    put_first(i, quad, first_layer(i, quad));
    workgroupBarrier();
    let h = second_layer(i, quad);
    let back = dy_quad(pixel + 4u * quad, params.pixels);
    put_second(i, quad, Four(
        back * last_weight(i) * h.a * (1.0 - h.a),
        back * last_weight(i + 1u) * h.b * (1.0 - h.b),
        back * last_weight(i + 2u) * h.c * (1.0 - h.c),
        back * last_weight(i + 3u) * h.d * (1.0 - h.d),
    ));
    workgroupBarrier();
    let d1 = first_delta(i, quad);
    workgroupBarrier(); // the last hidden value may have two readers
    put_first(i, quad, d1);
    workgroupBarrier();
    for (var t = local; t < C * Q; t += TILE_THREADS) {
        var sum = vec4f();
        for (var j = 0u; j < D; j++) {
            sum += w[j * C + t / Q] * first[j][t % Q];
        }
        for (var k = 0u; k < 4u; k++) {
            let at = pixel + 4u * (t % Q) + k;
            if at < params.pixels {
                dx[at * C + t / Q] = sum[k];
            }
        }
    }
}

// ---- weight gradient ----
//
// It takes 16 pixels at a time, as four vec4s (fewer where D is large). Every parameter's
// gradient is a sum over pixels of one delta times one value: a thread
// keeps the sums of its own parameters. At C = 8, D = 32: 8.8 KB, 11 parameters each.
const THREADS = 128u;
const QUADS = min(4u, 1024u / (4u * D + C + 2u));
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
