// 3×3 convolution whose taps are weighed at each pixel, stride 1, zero padding 1, and its gradients. Channels
// last; `w` is [3, 3, Ci, Co], `a` [N, H, W, 9], `each` one vector for each image.
//
// `modulated` and `modulated_grad_input`: a thread makes four channels of one pixel. `modulated_grad_gate`: a
// thread makes one gate. `modulated_grad_weight`: a thread owns one element of the gradient.

struct Params {
    n: u32,
    h: u32,
    w: u32,
    ci: u32,
    co: u32,
    relu: u32,
    add: u32,
    rows: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N, H, W, Ci]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [3, 3, Ci, Co]
@group(0) @binding(2) var<storage, read> a: array<f32>; // [N, H, W, 9]
@group(0) @binding(3) var<storage, read> each: array<f32>; // [N, channels of the output]
@group(0) @binding(4) var<storage, read> add: array<f32>; // as the output, if params.add
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // [N, H, W, Co]
@group(0) @binding(6) var<storage, read> dy: array<f32>; // [N, H, W, Co]
@group(0) @binding(7) var<storage, read_write> dx: array<f32>; // [N, H, W, Ci]
@group(0) @binding(8) var<storage, read_write> d: array<f32>; // [N, H, W, 9]
@group(0) @binding(9) var<storage, read_write> part: array<f32>; // [parts, 3, 3, Ci, Co]

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

fn w_at(tap: u32, c: u32, o: u32) -> f32 {
    if c >= params.ci || o >= params.co {
        return 0.0;
    }
    return w[(tap * params.ci + c) * params.co + o];
}

fn put_y(pixel: u32, n: u32, o: u32, sum: f32) {
    if o >= params.co {
        return;
    }
    let to = pixel * params.co + o;
    var v = sum + each[n * params.co + o];
    if params.add == 1u {
        v += add[to];
    }
    if params.relu == 1u {
        v = max(v, 0.0);
    }
    y[to] = v;
}

// y = act(Σ_t a[t] · (x shifted by t) · W[t] + each + add)
@compute @workgroup_size(64)
fn modulated(
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
    var sum = vec4f();
    for (var t = 0u; t < TAPS; t++) {
        let source = pixel(at.x, at.y + t / 3u - 1u, at.z + t % 3u - 1u);
        if source != OUTSIDE {
            var inner = vec4f();
            for (var c = 0u; c < params.ci; c++) {
                let weights = vec4f(w_at(t, c, o), w_at(t, c, o + 1u), w_at(t, c, o + 2u), w_at(t, c, o + 3u));
                inner += x[source * params.ci + c] * weights;
            }
            sum += a[to * TAPS + t] * inner;
        }
    }
    put_y(to, at.x, o, sum.x);
    put_y(to, at.x, o + 1u, sum.y);
    put_y(to, at.x, o + 2u, sum.z);
    put_y(to, at.x, o + 3u, sum.w);
}

fn put_dx(pixel: u32, n: u32, c: u32, sum: f32) {
    if c >= params.ci {
        return;
    }
    let to = pixel * params.ci + c;
    var v = sum + each[n * params.ci + c];
    if params.add == 1u {
        v += add[to];
    }
    dx[to] = v;
}

// dx[q] = Σ_t a[q − t, t] · W[t] · dy[q − t] + each + add
@compute @workgroup_size(64)
fn modulated_grad_input(
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
    let at = place(to);
    var sum = vec4f();
    for (var t = 0u; t < TAPS; t++) {
        let source = pixel(at.x, at.y + 1u - t / 3u, at.z + 1u - t % 3u);
        if source != OUTSIDE {
            var inner = vec4f();
            for (var o = 0u; o < params.co; o++) {
                let weights = vec4f(w_at(t, c, o), w_at(t, c + 1u, o), w_at(t, c + 2u, o), w_at(t, c + 3u, o));
                inner += dy[source * params.co + o] * weights;
            }
            sum += a[source * TAPS + t] * inner;
        }
    }
    put_dx(to, at.x, c, sum.x);
    put_dx(to, at.x, c + 1u, sum.y);
    put_dx(to, at.x, c + 2u, sum.z);
    put_dx(to, at.x, c + 3u, sum.w);
}

// d[s, t] = a (1 − a) · Σ_i x[s + t, i] Σ_o W[t, i, o] · dy[s, o]
@compute @workgroup_size(64)
fn modulated_grad_gate(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.h * params.w * TAPS {
        return;
    }
    let s = i / TAPS;
    let t = i % TAPS;
    let at = place(s);
    let source = pixel(at.x, at.y + t / 3u - 1u, at.z + t % 3u - 1u);
    var sum = 0.0;
    if source != OUTSIDE {
        for (var c = 0u; c < params.ci; c++) {
            var back = 0.0;
            for (var o = 0u; o < params.co; o++) {
                back += w[(t * params.ci + c) * params.co + o] * dy[s * params.co + o];
            }
            sum += x[source * params.ci + c] * back;
        }
    }
    d[i] = sum * a[i] * (1.0 - a[i]);
}

// part[k] = Σ over the k-th `rows` image rows of a[t] · x[shifted] dyᵀ, per tap
@compute @workgroup_size(256)
fn modulated_grad_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let length = TAPS * params.ci * params.co;
    let blocks = (length + 255u) / 256u;
    let index = group_index(group, groups);
    let k = index / blocks;
    let i = index % blocks * 256u + local;
    let first = k * params.rows;
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
                sum += a[s * TAPS + t] * x[source * params.ci + c] * dy[s * params.co + o];
            }
        }
    }
    part[k * length + i] = sum;
}
