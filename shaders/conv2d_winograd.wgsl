// The three convolutions by Winograd's F(4, 3) along rows, directly down columns: forms behind
// the same references with half as many multiplications. Parameters, arguments and what they
// compute are those of conv2d.wgsl; channels come as whole vec4s.
//
// Four outputs of a row from one row of taps are Aᵀ [ (G w) ⊙ (Bᵀ x) ]: six products instead
// of twelve, at the places of the transformed domain (Lavin and Gray, arXiv 1509.09308). The
// ⊙ is summed over channels and tap rows before Aᵀ. The weight gradient is the adjoint in w:
// Gᵀ [ Σ (Bᵀ x) ⊙ (A dy) ]. Points are those of the CPU's F(4×4, 3×3). One dimension, because
// the 36 places of two take 36 KB for the weights of 8 channels, and devices have 16.
//
// `conv2d_winograd` and its input gradient: a workgroup takes 32×6 pixels of 32 channels; a warp
// one place of them, a thread 6 rows of one run of four pixels, 8 channels: 48 sums. Four input
// channels at a time; meanwhile three warps transform the next weights, two the next image.
// `conv2d_grad_weight_winograd`: a warp takes one place, a thread 4 input channels × 8 output
// channels × 3 tap rows: 96 sums. Absent channels of narrow layers are zeros.
// Costs are counted in doc/notes-compute.md: 63 and 62 us of an H200 at 32→32, 512×512.
//
// 15,360 bytes of workgroup memory, which every device has; eight lanes beside each other read
// or write 128 bytes of it in a row, and of images whole lines but for 16 bytes at a time of x
// in the forward form, which pass the first cache eight times.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [N, H, W, Ci]
@group(0) @binding(1) var<storage, read> w: array<vec4f>; // [3, 3, Ci, Co], [Co]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [N, H, W, Co]
@group(0) @binding(3) var<storage, read> add: array<vec4f>; // as the output, if params.add
@group(0) @binding(4) var<storage, read> dy: array<vec4f>; // [N, H, W, Co]
@group(0) @binding(5) var<storage, read> mask: array<vec4f>; // [N, H, W, Ci], if params.mask
@group(0) @binding(6) var<storage, read_write> dx: array<vec4f>; // [N, H, W, Ci]
@group(0) @binding(7) var<storage, read_write> part: array<vec4f>; // [parts, weights and biases]

const PLACES = 6u;
// A warp of 32 threads per place.
const THREADS = 32u * PLACES;

// All that passes between threads, [slice][place][quad or run]. What slices are changes with
// what is passed; each entry point says it.
var<workgroup> slices: array<array<array<vec4f, 8>, PLACES>, 20>;

fn put_six(slice: u32, at: u32, v: Six) {
    slices[slice][0][at] = v.a;
    slices[slice][1][at] = v.b;
    slices[slice][2][at] = v.c;
    slices[slice][3][at] = v.d;
    slices[slice][4][at] = v.e;
    slices[slice][5][at] = v.f;
}

fn six(slice: u32, at: u32) -> Six {
    return Six(
        slices[slice][0][at],
        slices[slice][1][at],
        slices[slice][2][at],
        slices[slice][3][at],
        slices[slice][4][at],
        slices[slice][5][at],
    );
}

// Pixels beside each other in one row, of which a thread takes four channels each.
struct Line {
    // Whether the row is one of the image.
    exists: bool,
    // Column of the first; one left of the image wraps to far right of it.
    column: u32,
    // Element of the first, and from one to the next.
    first: u32,
    step: u32,
}

// `row` counts in the stack of images, `quad` among `quads` per pixel.
fn line(exists: bool, row: u32, column: u32, quads: u32, quad: u32) -> Line {
    return Line(exists, column, (row * params.w + column) * quads + quad, quads);
}

fn holds(line: Line, i: u32) -> bool {
    return line.exists && line.column + i < params.w;
}

fn x_at(line: Line, i: u32) -> vec4f {
    if holds(line, i) {
        return x[line.first + i * line.step];
    }
    return vec4f();
}

fn dy_at(line: Line, i: u32) -> vec4f {
    if holds(line, i) {
        return dy[line.first + i * line.step];
    }
    return vec4f();
}

fn six_x(line: Line) -> Six {
    return Six(x_at(line, 0u), x_at(line, 1u), x_at(line, 2u), x_at(line, 3u), x_at(line, 4u), x_at(line, 5u));
}

fn six_dy(line: Line) -> Six {
    return Six(dy_at(line, 0u), dy_at(line, 1u), dy_at(line, 2u), dy_at(line, 3u), dy_at(line, 4u), dy_at(line, 5u));
}

// ---- forward and input gradient ----

const ROWS = 6u;
const COLUMNS = 32u;
// Slices of one quad of input channels: a row of the image each, from one above the tile,
// [place][run of four columns]; from WEIGHTS on a channel and a tap row each, [place][quad of
// outputs].
const WEIGHTS = ROWS + 2u;
const WEIGHT_TASKS = 96u;
const IMAGE_TASKS = 8u * (ROWS + 2u);
const OUTPUT_TASKS = 128u;

// Sums of a thread at one place, before the transform: [row][two quads of output channels].
struct Sums {
    a: array<vec4f, ROWS>,
    b: array<vec4f, ROWS>,
}

// Adds six rows of the image times eight output channels' weights.
fn tap_row(sums: ptr<function, Sums>, slice: u32, local: u32, top: vec4f, bottom: vec2f) {
    let a = slices[slice][local / 32u][local / 8u % 4u * 2u];
    let b = slices[slice][local / 32u][local / 8u % 4u * 2u + 1u];
    (*sums).a[0] += a * top.x;
    (*sums).b[0] += b * top.x;
    (*sums).a[1] += a * top.y;
    (*sums).b[1] += b * top.y;
    (*sums).a[2] += a * top.z;
    (*sums).b[2] += b * top.z;
    (*sums).a[3] += a * top.w;
    (*sums).b[3] += b * top.w;
    (*sums).a[4] += a * bottom.x;
    (*sums).b[4] += b * bottom.x;
    (*sums).a[5] += a * bottom.y;
    (*sums).b[5] += b * bottom.y;
}

// Adds one input channel.
fn channel(sums: ptr<function, Sums>, k: u32, local: u32, top: vec4f, bottom: vec4f) {
    tap_row(sums, WEIGHTS + 3u * k, local, top, bottom.xy);
    tap_row(sums, WEIGHTS + 3u * k + 1u, local, vec4f(top.yzw, bottom.x), bottom.yz);
    tap_row(sums, WEIGHTS + 3u * k + 2u, local, vec4f(top.zw, bottom.xy), bottom.zw);
}

// Adds the four channels in workgroup memory.
fn accumulate(sums: ptr<function, Sums>, local: u32) {
    let place = local / 32u;
    let run = local % 8u;
    let a = slices[0][place][run];
    let b = slices[1][place][run];
    let c = slices[2][place][run];
    let d = slices[3][place][run];
    let e = slices[4][place][run];
    let f = slices[5][place][run];
    let g = slices[6][place][run];
    let h = slices[7][place][run];
    channel(sums, 0u, local, vec4f(a.x, b.x, c.x, d.x), vec4f(e.x, f.x, g.x, h.x));
    channel(sums, 1u, local, vec4f(a.y, b.y, c.y, d.y), vec4f(e.y, f.y, g.y, h.y));
    channel(sums, 2u, local, vec4f(a.z, b.z, c.z, d.z), vec4f(e.z, f.z, g.z, h.z));
    channel(sums, 3u, local, vec4f(a.w, b.w, c.w, d.w), vec4f(e.w, f.w, g.w, h.w));
}

// Which weights a thread fetches: output quad, input channel of four, tap row.
fn weight_task(t: u32) -> vec3u {
    return vec3u(t % 8u, t / 8u % 4u, t / 32u);
}

// The six pixels that a thread fetches for run t % 8 of row t / 8.
fn image_line(at: Tile, t: u32, quads: u32, quad: u32) -> Line {
    let row = at.row + t / 8u - 1u;
    return line(row < params.h, at.n * params.h + row, at.column + t % 8u * 4u - 1u, quads, quad);
}

// Transforms what a thread has fetched, three taps or six pixels, for all to read.
fn put(local: u32, fetched: Six) {
    workgroupBarrier();
    if local < WEIGHT_TASKS {
        let task = weight_task(local);
        let taps = Taps(fetched.a, fetched.b, fetched.c);
        put_six(WEIGHTS + 3u * task.y + task.z, task.x, transform_weights(taps));
    } else if local < WEIGHT_TASKS + IMAGE_TASKS {
        let t = local - WEIGHT_TASKS;
        put_six(t / 8u, t % 8u, transform_input(fetched));
    }
    workgroupBarrier();
}

// Puts two rows of all threads' sums where `outputs` finds them: a slice is now a row and a
// quad of channels, [place][run]. Runs lie rotated, so that lanes hit different banks whether
// they go through runs or through quads.
fn stage(local: u32, a: vec4f, b: vec4f, below_a: vec4f, below_b: vec4f) {
    let place = local / 32u;
    let run = local % 8u;
    let quad = local / 8u % 4u * 2u;
    workgroupBarrier();
    slices[quad][place][(run + quad) % 8u] = a;
    slices[quad + 1u][place][(run + quad + 1u) % 8u] = b;
    slices[quad + 8u][place][(run + quad) % 8u] = below_a;
    slices[quad + 9u][place][(run + quad + 1u) % 8u] = below_b;
    workgroupBarrier();
}

// Four pixels of a quad of channels: quad t % 8, run t / 8 % 8, row t / 64.
fn outputs(t: u32) -> Run {
    return transform_output(six(t / 64u * 8u + t % 8u, (t / 8u + t) % 8u));
}

// Their four pixels, in the pair-th two rows of the tile.
fn output_line(at: Tile, pair: u32, t: u32, quads: u32, quad: u32) -> Line {
    let row = at.row + 2u * pair + t / 64u;
    return line(row < params.h, at.n * params.h + row, at.column + t / 8u % 8u * 4u, quads, quad);
}

// y = act(sum + add)
fn write_y(line: Line, i: u32, sum: vec4f) {
    if !holds(line, i) {
        return;
    }
    let to = line.first + i * line.step;
    var v = sum;
    if params.add == 1u {
        v += add[to];
    }
    if params.relu == 1u {
        v = max(v, vec4f());
    }
    y[to] = v;
}

fn put_y(at: Tile, first: u32, pair: u32, t: u32) {
    if t < OUTPUT_TASKS {
        let quads = params.co / 4u;
        let quad = first + t % 8u;
        let bias = w[9u * params.ci * quads + quad];
        let run = outputs(t);
        let line = output_line(at, pair, t, quads, quad);
        write_y(line, 0u, run.a + bias);
        write_y(line, 1u, run.b + bias);
        write_y(line, 2u, run.c + bias);
        write_y(line, 3u, run.d + bias);
    }
}

// What a thread transforms of input channels 4c.. for outputs 4first..
fn fetch_x(at: Tile, first: u32, c: u32, local: u32) -> Six {
    if 4u * c >= params.ci || local >= WEIGHT_TASKS + IMAGE_TASKS {
        return Six();
    }
    if local < WEIGHT_TASKS {
        let task = weight_task(local);
        let next = params.ci * params.co / 4u;
        let tap = (3u * task.z * params.ci + 4u * c + task.y) * (params.co / 4u) + first + task.x;
        return Six(w[tap], w[tap + next], w[tap + 2u * next], vec4f(), vec4f(), vec4f());
    }
    return six_x(image_line(at, local - WEIGHT_TASKS, params.ci / 4u, c));
}

// y = act(x ∗ w + b + add)
@compute @workgroup_size(THREADS)
fn conv2d_winograd(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let at = tile(group_index(group, groups), ROWS, COLUMNS);
    if !at.exists {
        return; // the whole workgroup
    }
    let first = group.z * 8u;
    var sums: Sums;
    var fetched = fetch_x(at, first, 0u, local);
    for (var c = 0u; c < params.ci / 4u; c++) {
        put(local, fetched);
        // The next four channels travel while these are summed.
        fetched = fetch_x(at, first, c + 1u, local);
        accumulate(&sums, local);
    }
    stage(local, sums.a[0], sums.b[0], sums.a[1], sums.b[1]);
    put_y(at, first, 0u, local);
    stage(local, sums.a[2], sums.b[2], sums.a[3], sums.b[3]);
    put_y(at, first, 1u, local);
    stage(local, sums.a[4], sums.b[4], sums.a[5], sums.b[5]);
    put_y(at, first, 2u, local);
}

// dx = sum + add, zero where mask ≤ 0
fn write_dx(line: Line, i: u32, sum: vec4f) {
    if !holds(line, i) {
        return;
    }
    let to = line.first + i * line.step;
    var v = sum;
    if params.add == 1u {
        v += add[to];
    }
    if params.mask == 1u {
        v = select(vec4f(), v, mask[to] > vec4f());
    }
    dx[to] = v;
}

fn put_dx(at: Tile, first: u32, pair: u32, t: u32) {
    if t < OUTPUT_TASKS {
        let run = outputs(t);
        let line = output_line(at, pair, t, params.ci / 4u, first + t % 8u);
        write_dx(line, 0u, run.a);
        write_dx(line, 1u, run.b);
        write_dx(line, 2u, run.c);
        write_dx(line, 3u, run.d);
    }
}

// One tap, from a channel of dy to four channels of dx from ci on.
fn back_tap(tap: u32, ci: u32, co: u32) -> vec4f {
    let next = params.co / 4u;
    let at = ((8u - tap) * params.ci + ci) * next + co / 4u;
    let k = co % 4u;
    return vec4f(w[at][k], w[at + next][k], w[at + 2u * next][k], w[at + 3u * next][k]);
}

// What a thread transforms of channels 4c.. of dy for channels 4first.. of dx.
fn fetch_dy(at: Tile, first: u32, c: u32, local: u32) -> Six {
    if 4u * c >= params.co || local >= WEIGHT_TASKS + IMAGE_TASKS {
        return Six();
    }
    if local < WEIGHT_TASKS {
        let task = weight_task(local);
        let ci = 4u * (first + task.x);
        let co = 4u * c + task.y;
        let tap = 3u * task.z;
        return Six(
            back_tap(tap, ci, co),
            back_tap(tap + 1u, ci, co),
            back_tap(tap + 2u, ci, co),
            vec4f(),
            vec4f(),
            vec4f(),
        );
    }
    return six_dy(image_line(at, local - WEIGHT_TASKS, params.co / 4u, c));
}

// dx = dy ∗ w with taps flipped and channels swapped, + add, masked.
@compute @workgroup_size(THREADS)
fn conv2d_grad_input_winograd(
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let at = tile(group_index(group, groups), ROWS, COLUMNS);
    if !at.exists {
        return; // the whole workgroup
    }
    let first = group.z * 8u;
    var sums: Sums;
    var fetched = fetch_dy(at, first, 0u, local);
    for (var c = 0u; c < params.co / 4u; c++) {
        put(local, fetched);
        fetched = fetch_dy(at, first, c + 1u, local);
        accumulate(&sums, local);
    }
    stage(local, sums.a[0], sums.b[0], sums.a[1], sums.b[1]);
    put_dx(at, first, 0u, local);
    stage(local, sums.a[2], sums.b[2], sums.a[3], sums.b[3]);
    put_dx(at, first, 1u, local);
    stage(local, sums.a[4], sums.b[4], sums.a[5], sums.b[5]);
    put_dx(at, first, 2u, local);
}

