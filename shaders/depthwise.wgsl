// Depthwise 3×3 convolution, stride 1, zero padding 1, and its gradients. Channels last; `w` is [3, 3, C], then C
// biases if there are some.
//
// The first two: a thread makes one number, channels fastest. The weight gradient: a thread owns one
// element of it.

struct Params {
    n: u32,
    h: u32,
    w: u32,
    c: u32,
    bias: u32,
    add: u32,
    @size(8) rows: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N, H, W, C]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [3, 3, C], [C]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [N, H, W, C]
@group(0) @binding(3) var<storage, read> add: array<f32>; // [N, H, W, C], if params.add
@group(0) @binding(4) var<storage, read> dy: array<f32>; // [N, H, W, C]
@group(0) @binding(5) var<storage, read_write> dx: array<f32>; // [N, H, W, C]
@group(0) @binding(6) var<storage, read_write> part: array<f32>; // [parts, weights and biases]

const OUTSIDE = 0xffffffffu;

// Number of a pixel in the stack of images, or OUTSIDE. Below zero wraps to outside.
fn pixel(n: u32, row: u32, column: u32) -> u32 {
    return select(OUTSIDE, (n * params.h + row) * params.w + column, row < params.h && column < params.w);
}

fn x_at(pixel: u32, c: u32) -> f32 {
    if pixel == OUTSIDE {
        return 0.0;
    }
    return x[pixel * params.c + c];
}

fn dy_at(pixel: u32, c: u32) -> f32 {
    if pixel == OUTSIDE {
        return 0.0;
    }
    return dy[pixel * params.c + c];
}

// y = x ∗ w + b
@compute @workgroup_size(64)
fn depthwise(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.h * params.w * params.c {
        return;
    }
    let c = i % params.c;
    let column = i / params.c % params.w;
    let row = i / params.c / params.w % params.h;
    let n = i / params.c / params.w / params.h;
    var sum = 0.0;
    if params.bias == 1u {
        sum = w[9u * params.c + c];
    }
    for (var u = 0u; u < 3u; u++) {
        for (var v = 0u; v < 3u; v++) {
            sum += x_at(pixel(n, row + u - 1u, column + v - 1u), c) * w[(3u * u + v) * params.c + c];
        }
    }
    y[i] = sum;
}

// dx = dy ∗ flipped w + add
@compute @workgroup_size(64)
fn depthwise_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.n * params.h * params.w * params.c {
        return;
    }
    let c = i % params.c;
    let column = i / params.c % params.w;
    let row = i / params.c / params.w % params.h;
    let n = i / params.c / params.w / params.h;
    var sum = 0.0;
    for (var u = 0u; u < 3u; u++) {
        for (var v = 0u; v < 3u; v++) {
            sum += dy_at(pixel(n, row + 1u - u, column + 1u - v), c) * w[(3u * u + v) * params.c + c];
        }
    }
    if params.add == 1u {
        sum += add[i];
    }
    dx[i] = sum;
}

// part[k] = Σ over the k-th `rows` image rows of x[shifted] dy, per tap, and of dy
@compute @workgroup_size(256)
fn depthwise_grad_weight(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let length = (9u + params.bias) * params.c;
    let blocks = (length + 255u) / 256u;
    let index = group_index(group, groups);
    let k = index / blocks;
    let i = index % blocks * 256u + local;
    let first = k * params.rows;
    if i >= length || first >= params.n * params.h {
        return;
    }
    let tap = i / params.c;
    let c = i % params.c;
    let end = min(first + params.rows, params.n * params.h);
    var sum = 0.0;
    for (var r = first; r < end; r++) {
        for (var column = 0u; column < params.w; column++) {
            var factor = 1.0;
            if tap < 9u {
                factor = x_at(pixel(r / params.h, r % params.h + tap / 3u - 1u, column + tap % 3u - 1u), c);
            }
            sum += factor * dy[(r * params.w + column) * params.c + c];
        }
    }
    part[k * length + i] = sum;
}
