// 3×3 convolution, stride 1, zero padding 1, and its gradients. Channels last; `w` is
// [3, 3, Ci, Co], then Co biases. These are the direct forms: for channels that do not fit
// conv2d_winograd.wgsl, and to compare it with.
//
// Sizes from the host: CI and CO, the channels a workgroup of the weight gradient
// takes (at most 32); the other two entry points use only CO, for their output.
//
// `conv2d` and `conv2d_grad_input`: a workgroup computes 32×4 pixels of CO channels, a thread 4
// pixels beside each other of 8 channels: 32 sums in 8 vec4s. A warp is one row of the tile, 8
// quads of pixels × 4 groups of channels. Input and weights pass through workgroup memory 8
// channels at a time (6.9 + 9.2 KB). Outputs leave through it too, as whole lines: written from
// where they are summed, every store would touch 32 memory sectors.
//
// `conv2d_grad_weight`: a thread owns one input channel, 8 output channels and all 9 taps: 72
// sums. Loading a strip waits long: see `part_rows` for what hides it.
//
// Tiles of sums are indexed by literals only and workgroup arrays by one index per
// dimension: then the bounds checks of WGSL fall out of the loops.
// Costs are counted in doc/notes-compute.md: 130 and 135 us of an H200 at 32→32, 512×512.

@group(0) @binding(0) var<storage, read> x: array<f32>; // [N, H, W, Ci]
@group(0) @binding(1) var<storage, read> w: array<f32>; // [3, 3, Ci, Co], [Co]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [N, H, W, Co]
@group(0) @binding(3) var<storage, read> add: array<f32>; // as the output, if params.add
@group(0) @binding(4) var<storage, read> dy: array<f32>; // [N, H, W, Co]
@group(0) @binding(5) var<storage, read> mask: array<f32>; // [N, H, W, Ci], if params.mask
@group(0) @binding(6) var<storage, read_write> dx: array<f32>; // [N, H, W, Ci]
@group(0) @binding(7) var<storage, read_write> part: array<f32>; // [parts, weights and biases]

// Eight output channels make a group: two vec4s of sums.
const GROUPS = (CO + 7u) / 8u;
const CO4 = 2u * GROUPS;

// ---- forward and input gradient ----

const TILE_W = 32u;
const TILE_H = 4u;
const QUADS = TILE_W / 4u;
const DEPTH = 8u;
const CONV_THREADS = QUADS * TILE_H * GROUPS;
const IMAGE_TASKS = DEPTH * (TILE_H + 2u) * (QUADS + 1u);
const WEIGHT_TASKS = DEPTH * 9u * CO4;

// [channel][row][four columns], from one pixel above and left of the tile
var<workgroup> image: array<array<array<vec4f, QUADS + 1u>, TILE_H + 2u>, DEPTH>;
// [channel][tap][four output channels]; at the end, outputs on their way out
var<workgroup> weights: array<array<array<vec4f, CO4>, 9>, DEPTH>;

const OUTSIDE = 0xffffffffu;

// Number of a pixel in the stack of images, or OUTSIDE. Below zero wraps to outside.
fn pixel(n: u32, row: u32, column: u32) -> u32 {
    return select(OUTSIDE, (n * params.h + row) * params.w + column, row < params.h && column < params.w);
}

// What a thread loads: channel, row and quad of `image`, or channel, tap and quad of `weights`.
fn image_task(t: u32) -> vec3u {
    return vec3u(t % DEPTH, t / DEPTH / (QUADS + 1u), t / DEPTH % (QUADS + 1u));
}

fn weight_task(t: u32) -> vec3u {
    return vec3u(t / CO4 % DEPTH, t / CO4 / DEPTH, t % CO4);
}

// Sums of a thread: [pixel][two quads of output channels].
struct Sums {
    a: array<vec4f, 4>,
    b: array<vec4f, 4>,
}

// Adds four pixels' x times eight channels' weights.
fn tap(sums: ptr<function, Sums>, k: u32, at: u32, group: u32, x: vec4f) {
    let a = weights[k][at][2u * group];
    let b = weights[k][at][2u * group + 1u];
    (*sums).a[0] += a * x.x;
    (*sums).b[0] += b * x.x;
    (*sums).a[1] += a * x.y;
    (*sums).b[1] += b * x.y;
    (*sums).a[2] += a * x.z;
    (*sums).b[2] += b * x.z;
    (*sums).a[3] += a * x.w;
    (*sums).b[3] += b * x.w;
}

// Adds one row of taps of one channel.
fn tap_row(sums: ptr<function, Sums>, k: u32, u: u32, row: u32, quad: u32, group: u32) {
    let left = image[k][row + u][quad];
    let right = image[k][row + u][quad + 1u];
    tap(sums, k, 3u * u, group, left);
    tap(sums, k, 3u * u + 1u, group, vec4f(left.yzw, right.x));
    tap(sums, k, 3u * u + 2u, group, vec4f(left.zw, right.xy));
}

// Adds the channels in workgroup memory.
fn accumulate(sums: ptr<function, Sums>, local: u32) {
    let quad = local % QUADS;
    let group = local / QUADS % GROUPS;
    let row = local / (QUADS * GROUPS);
    for (var k = 0u; k < DEPTH; k++) {
        tap_row(sums, k, 0u, row, quad, group);
        tap_row(sums, k, 1u, row, quad, group);
        tap_row(sums, k, 2u, row, quad, group);
    }
}

// Quads of threads' outputs lie rotated by their row, so that lanes hit different banks.
fn slot(row: u32, quad: u32) -> u32 {
    return (quad + row) % CO4;
}

// Puts one pixel of each quad, 32 of the tile, into `weights`.
fn stage(local: u32, a: vec4f, b: vec4f) {
    let group = local / QUADS % GROUPS;
    let r = local / (QUADS * GROUPS) * QUADS + local % QUADS;
    workgroupBarrier();
    weights[r / 9u][r % 9u][slot(r, 2u * group)] = a;
    weights[r / 9u][r % 9u][slot(r, 2u * group + 1u)] = b;
    workgroupBarrier();
}

// What `stage` put there: pixel r of the 32, channel c.
fn staged(r: u32, c: u32) -> f32 {
    return weights[r / 9u][r % 9u][slot(r, c / 4u)][c % 4u];
}

fn x_at(pixel: u32, c: u32) -> f32 {
    if pixel == OUTSIDE || c >= params.ci {
        return 0.0;
    }
    return x[pixel * params.ci + c];
}

fn dy_at(pixel: u32, c: u32) -> f32 {
    if pixel == OUTSIDE || c >= params.co {
        return 0.0;
    }
    return dy[pixel * params.co + c];
}

fn w_at(tap: u32, ci: u32, co: u32) -> f32 {
    if ci >= params.ci || co >= params.co {
        return 0.0;
    }
    return w[(tap * params.ci + ci) * params.co + co];
}

// Writes pixel i of every quad: y = act(sum + b + add)
fn put_y(at: Tile, first: u32, i: u32, local: u32, a: vec4f, b: vec4f) {
    stage(local, a, b);
    for (var t = local; t < QUADS * TILE_H * CO; t += CONV_THREADS) {
        let r = t / CO;
        let c = first + t % CO;
        let to = pixel(at.n, at.row + r / QUADS, at.column + r % QUADS * 4u + i);
        if to != OUTSIDE && c < params.co {
            var v = staged(r, t % CO) + w[9u * params.ci * params.co + c];
            if params.add == 1u {
                v += add[to * params.co + c];
            }
            if params.relu == 1u {
                v = max(v, 0.0);
            }
            y[to * params.co + c] = v;
        }
    }
}

// y = act(x ∗ w + b + add)
@compute @workgroup_size(CONV_THREADS)
fn conv2d(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let at = tile(group_index(group, groups), TILE_H, TILE_W);
    if !at.exists {
        return; // the whole workgroup
    }
    let first = group.z * CO;
    var sums: Sums;
    for (var c = 0u; c < params.ci; c += DEPTH) {
        workgroupBarrier();
        for (var t = local; t < IMAGE_TASKS; t += CONV_THREADS) {
            let to = image_task(t);
            let row = at.row + to.y - 1u;
            let column = at.column + 4u * to.z - 1u;
            image[to.x][to.y][to.z] = vec4f(
                x_at(pixel(at.n, row, column), c + to.x),
                x_at(pixel(at.n, row, column + 1u), c + to.x),
                x_at(pixel(at.n, row, column + 2u), c + to.x),
                x_at(pixel(at.n, row, column + 3u), c + to.x),
            );
        }
        for (var t = local; t < WEIGHT_TASKS; t += CONV_THREADS) {
            let to = weight_task(t);
            let o = first + 4u * to.z;
            weights[to.x][to.y][to.z] = vec4f(
                w_at(to.y, c + to.x, o),
                w_at(to.y, c + to.x, o + 1u),
                w_at(to.y, c + to.x, o + 2u),
                w_at(to.y, c + to.x, o + 3u),
            );
        }
        workgroupBarrier();
        accumulate(&sums, local);
    }
    put_y(at, first, 0u, local, sums.a[0], sums.b[0]);
    put_y(at, first, 1u, local, sums.a[1], sums.b[1]);
    put_y(at, first, 2u, local, sums.a[2], sums.b[2]);
    put_y(at, first, 3u, local, sums.a[3], sums.b[3]);
}

// Writes pixel i of every quad: dx = sum + add, zero where mask ≤ 0
fn put_dx(at: Tile, first: u32, i: u32, local: u32, a: vec4f, b: vec4f) {
    stage(local, a, b);
    for (var t = local; t < QUADS * TILE_H * CO; t += CONV_THREADS) {
        let r = t / CO;
        let c = first + t % CO;
        let to = pixel(at.n, at.row + r / QUADS, at.column + r % QUADS * 4u + i);
        if to != OUTSIDE && c < params.ci {
            var v = staged(r, t % CO);
            if params.add == 1u {
                v += add[to * params.ci + c];
            }
            if params.mask == 1u {
                v = select(0.0, v, mask[to * params.ci + c] > 0.0);
            }
            dx[to * params.ci + c] = v;
        }
    }
}

// dx = dy ∗ w with taps flipped and channels swapped, + add, masked: the same tile with
// dy for x; CO counts channels of dx.
@compute @workgroup_size(CONV_THREADS)
fn conv2d_grad_input(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let at = tile(group_index(group, groups), TILE_H, TILE_W);
    if !at.exists {
        return; // the whole workgroup
    }
    let first = group.z * CO;
    var sums: Sums;
    for (var c = 0u; c < params.co; c += DEPTH) {
        workgroupBarrier();
        for (var t = local; t < IMAGE_TASKS; t += CONV_THREADS) {
            let to = image_task(t);
            let row = at.row + to.y - 1u;
            let column = at.column + 4u * to.z - 1u;
            image[to.x][to.y][to.z] = vec4f(
                dy_at(pixel(at.n, row, column), c + to.x),
                dy_at(pixel(at.n, row, column + 1u), c + to.x),
                dy_at(pixel(at.n, row, column + 2u), c + to.x),
                dy_at(pixel(at.n, row, column + 3u), c + to.x),
            );
        }
        for (var t = local; t < WEIGHT_TASKS; t += CONV_THREADS) {
            let to = weight_task(t);
            let o = first + 4u * to.z;
            weights[to.x][to.y][to.z] = vec4f(
                w_at(8u - to.y, o, c + to.x),
                w_at(8u - to.y, o + 1u, c + to.x),
                w_at(8u - to.y, o + 2u, c + to.x),
                w_at(8u - to.y, o + 3u, c + to.x),
            );
        }
        workgroupBarrier();
        accumulate(&sums, local);
    }
    put_dx(at, first, 0u, local, sums.a[0], sums.b[0]);
    put_dx(at, first, 1u, local, sums.a[1], sums.b[1]);
    put_dx(at, first, 2u, local, sums.a[2], sums.b[2]);
    put_dx(at, first, 3u, local, sums.a[3], sums.b[3]);
}

// ---- weight gradient ----

const STRIP_W = 16u;
const STRIP_H = 2u;
// One per channel and group, and at least one per output channel for the biases.
const GRAD_THREADS = max(CI * GROUPS, CO);

// [row][column][channel] of x, from one pixel above and left of the strip
var<workgroup> strip: array<array<array<f32, CI>, STRIP_W + 2u>, STRIP_H + 2u>;
// [row][column][four channels] of dy; at the end, sums on their way out
var<workgroup> grads: array<array<array<vec4f, CO4>, STRIP_W>, STRIP_H>;

// Sums of the taps of one kernel column: [row][two quads of output channels].
struct Column {
    a: array<vec4f, 3>,
    b: array<vec4f, 3>,
}

fn add_column(sums: ptr<function, Column>, x: vec3f, a: vec4f, b: vec4f) {
    (*sums).a[0] += a * x.x;
    (*sums).b[0] += b * x.x;
    (*sums).a[1] += a * x.y;
    (*sums).b[1] += b * x.y;
    (*sums).a[2] += a * x.z;
    (*sums).b[2] += b * x.z;
}

// Three rows of x in one column.
fn strip_column(row: u32, column: u32, c: u32) -> vec3f {
    return vec3f(strip[row][column][c], strip[row + 1u][column][c], strip[row + 2u][column][c]);
}

// Where the sums of a workgroup go.
struct Block {
    // First element of the partial sum.
    part: u32,
    ci: u32,
    co: u32,
}

// Writes the sums of one tap, through workgroup memory for the sake of whole lines.
fn put_tap(block: Block, tap: u32, local: u32, a: vec4f, b: vec4f) {
    let c = local % CI;
    let group = local / CI;
    workgroupBarrier();
    if group < GROUPS {
        grads[c / STRIP_W][c % STRIP_W][slot(c, 2u * group)] = a;
        grads[c / STRIP_W][c % STRIP_W][slot(c, 2u * group + 1u)] = b;
    }
    workgroupBarrier();
    for (var t = local; t < CI * CO; t += GRAD_THREADS) {
        let i = t / CO;
        let o = t % CO;
        if block.ci + i < params.ci && block.co + o < params.co {
            let to = (tap * params.ci + block.ci + i) * params.co + block.co + o;
            part[block.part + to] = grads[i / STRIP_W][i % STRIP_W][slot(i, o / 4u)][o % 4u];
        }
    }
}

// part[p] = Σ over the p-th `rows` image rows of x[shifted] dyᵀ, per tap, and of dy
@compute @workgroup_size(GRAD_THREADS)
fn conv2d_grad_weight(
    @builtin(workgroup_id) group_id: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let blocks = (params.co + CO - 1u) / CO;
    let length = (9u * params.ci + 1u) * params.co;
    let block = Block(group_id.x * length, group_id.y / blocks * CI, group_id.y % blocks * CO);
    let c = local % CI;
    let group = min(local / CI, GROUPS - 1u);
    var left: Column;
    var middle: Column;
    var right: Column;
    var bias = 0.0;

    // Rows of all images are one stack; a strip stays within one image.
    let end = min((group_id.x + 1u) * params.rows, params.n * params.h);
    var height = 0u;
    for (var first = group_id.x * params.rows; first < end; first += height) {
        let n = first / params.h;
        let top = first % params.h;
        height = min(STRIP_H, min(end - first, params.h - top));
        for (var start = 0u; start < params.w; start += STRIP_W) {
            workgroupBarrier();
            for (var t = local; t < CI * (STRIP_W + 2u) * (height + 2u); t += GRAD_THREADS) {
                let row = t / CI / (STRIP_W + 2u);
                let column = t / CI % (STRIP_W + 2u);
                let at = pixel(n, top + row - 1u, start + column - 1u);
                strip[row][column][t % CI] = x_at(at, block.ci + t % CI);
            }
            for (var t = local; t < CO4 * STRIP_W * height; t += GRAD_THREADS) {
                let row = t / CO4 / STRIP_W;
                let column = t / CO4 % STRIP_W;
                let at = pixel(n, top + row, start + column);
                let o = block.co + t % CO4 * 4u;
                grads[row][column][t % CO4] = vec4f(dy_at(at, o), dy_at(at, o + 1u), dy_at(at, o + 2u), dy_at(at, o + 3u));
            }
            workgroupBarrier();
            for (var row = 0u; row < height; row++) {
                var l = strip_column(row, 0u, c);
                var m = strip_column(row, 1u, c);
                for (var column = 0u; column < STRIP_W; column++) {
                    let r = strip_column(row, column + 2u, c);
                    let a = grads[row][column][2u * group];
                    let b = grads[row][column][2u * group + 1u];
                    add_column(&left, l, a, b);
                    add_column(&middle, m, a, b);
                    add_column(&right, r, a, b);
                    l = m;
                    m = r;
                }
            }
            if local < CO {
                for (var row = 0u; row < height; row++) {
                    for (var column = 0u; column < STRIP_W; column++) {
                        bias += grads[row][column][local / 4u][local % 4u];
                    }
                }
            }
        }
    }

    put_tap(block, 0u, local, left.a[0], left.b[0]);
    put_tap(block, 1u, local, middle.a[0], middle.b[0]);
    put_tap(block, 2u, local, right.a[0], right.b[0]);
    put_tap(block, 3u, local, left.a[1], left.b[1]);
    put_tap(block, 4u, local, middle.a[1], middle.b[1]);
    put_tap(block, 5u, local, right.a[1], right.b[1]);
    put_tap(block, 6u, local, left.a[2], left.b[2]);
    put_tap(block, 7u, local, middle.a[2], middle.b[2]);
    put_tap(block, 8u, local, right.a[2], right.b[2]);
    if local < CO && block.ci == 0u && block.co + local < params.co {
        part[block.part + 9u * params.ci * params.co + block.co + local] = bias;
    }
}
