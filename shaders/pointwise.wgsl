// 1×1 convolution and its gradients. Channels last; `w` is [Ci, Co], then Co biases if there are some.
//
// The first two: a thread makes four channels of one pixel, so that neighbours read the same x and
// weights beside each other. The weight gradient: a thread owns one element of it.

struct Params {
    pixels: u32,
    ci: u32,
    co: u32,
    bias: u32,
    act: u32, // 0 nothing, 1 ReLU, 2 sigmoid
    add: u32,
    plus: u32,
    mask: u32,
    @size(16) chunk: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [pixels, Ci]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [Ci, Co], [Co]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [pixels, Co]
@group(0) @binding(3) var<storage, read> add: array<f32>; // as the output, if params.add
@group(0) @binding(4) var<storage, read> dy: array<f32>; // [pixels, Co]
@group(0) @binding(5) var<storage, read> mask: array<f32>; // [pixels, Ci], if params.mask
@group(0) @binding(6) var<storage, read_write> dx: array<f32>; // [pixels, Ci]
@group(0) @binding(7) var<storage, read_write> part: array<f32>; // [parts, weights and biases]
@group(0) @binding(8) var<storage, read> plus: array<f32>; // as y, if params.plus

fn w_at(c: u32, o: u32) -> f32 {
    if c >= params.ci || o >= params.co {
        return 0.0;
    }
    return w[c * params.co + o];
}

fn put_y(pixel: u32, o: u32, sum: f32) {
    if o >= params.co {
        return;
    }
    let to = pixel * params.co + o;
    var v = sum;
    if params.bias == 1u {
        v += w[params.ci * params.co + o];
    }
    if params.add == 1u {
        v += add[to];
    }
    if params.act == 1u {
        v = max(v, 0.0);
    }
    if params.act == 2u {
        v = 1.0 / (1.0 + exp(-v));
    }
    if params.plus == 1u {
        v += plus[to];
    }
    y[to] = v;
}

// y = act(x · w + b + add) + plus
@compute @workgroup_size(64)
fn pointwise(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let quads = (params.co + 3u) / 4u;
    let i = group_index(group, groups) * 64u + local;
    let pixel = i / quads;
    if pixel >= params.pixels {
        return;
    }
    let o = i % quads * 4u;
    var sum = vec4f();
    for (var c = 0u; c < params.ci; c++) {
        sum += x[pixel * params.ci + c] * vec4f(w_at(c, o), w_at(c, o + 1u), w_at(c, o + 2u), w_at(c, o + 3u));
    }
    put_y(pixel, o, sum.x);
    put_y(pixel, o + 1u, sum.y);
    put_y(pixel, o + 2u, sum.z);
    put_y(pixel, o + 3u, sum.w);
}

fn put_dx(pixel: u32, c: u32, sum: f32) {
    if c >= params.ci {
        return;
    }
    let to = pixel * params.ci + c;
    var v = sum;
    if params.add == 1u {
        v += add[to];
    }
    if params.mask == 1u {
        v = select(0.0, v, mask[to] > 0.0);
    }
    dx[to] = v;
}

// dx = dy · wᵀ + add, masked
@compute @workgroup_size(64)
fn pointwise_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let quads = (params.ci + 3u) / 4u;
    let i = group_index(group, groups) * 64u + local;
    let pixel = i / quads;
    if pixel >= params.pixels {
        return;
    }
    let c = i % quads * 4u;
    var sum = vec4f();
    for (var o = 0u; o < params.co; o++) {
        sum += dy[pixel * params.co + o] * vec4f(w_at(c, o), w_at(c + 1u, o), w_at(c + 2u, o), w_at(c + 3u, o));
    }
    put_dx(pixel, c, sum.x);
    put_dx(pixel, c + 1u, sum.y);
    put_dx(pixel, c + 2u, sum.z);
    put_dx(pixel, c + 3u, sum.w);
}

// part[k] = Σ over the k-th `chunk` pixels of xᵀ dy, and of dy
@compute @workgroup_size(256)
fn pointwise_grad_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let weights = params.ci * params.co;
    let length = weights + params.bias * params.co;
    let blocks = (length + 255u) / 256u;
    let index = group_index(group, groups);
    let k = index / blocks;
    let i = index % blocks * 256u + local;
    let first = k * params.chunk;
    if i >= length || first >= params.pixels {
        return;
    }
    let c = i / params.co;
    let o = i % params.co;
    let end = min(first + params.chunk, params.pixels);
    var sum = 0.0;
    for (var pixel = first; pixel < end; pixel++) {
        var factor = 1.0;
        if i < weights {
            factor = x[pixel * params.ci + c];
        }
        sum += factor * dy[pixel * params.co + o];
    }
    part[k * length + i] = sum;
}
