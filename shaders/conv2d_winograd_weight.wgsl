// ---- weight gradient by F(4, 3): read after conv2d_winograd.wgsl, which counts its cost ----

const STRIP_ROWS = 2u;
const STRIP_RUNS = 3u;
// Slices: row · 3 + run of x, [place][quad of input channels], rows from one above the strip;
// from GRADS on of dy, [place][quad of output channels].
const GRADS = (STRIP_ROWS + 2u) * STRIP_RUNS;
const X_TASKS = 8u * GRADS;
const DY_TASKS = 8u * STRIP_ROWS * STRIP_RUNS;

// Sums of a thread at one place for one tap row: [input channel][two quads of output channels].
struct Outer {
    a: array<vec4f, 4>,
    b: array<vec4f, 4>,
}

fn add_outer(sums: ptr<function, Outer>, x: vec4f, a: vec4f, b: vec4f) {
    (*sums).a[0] += a * x.x;
    (*sums).b[0] += b * x.x;
    (*sums).a[1] += a * x.y;
    (*sums).b[1] += b * x.y;
    (*sums).a[2] += a * x.z;
    (*sums).b[2] += b * x.z;
    (*sums).a[3] += a * x.w;
    (*sums).b[3] += b * x.w;
}

// What a workgroup sums over and where its sums go, channels in quads.
struct Block {
    // First element of the partial sum, in vec4s.
    part: u32,
    ci: u32,
    co: u32,
    // After the last row of the stack of images.
    end: u32,
}

// Where a strip is: first row in the stack of images and in its image, first column.
struct Strip {
    row: u32,
    top: u32,
    column: u32,
}

// Rows of a strip: all of one image and of one partial sum.
fn height(block: Block, at: Strip) -> u32 {
    return min(STRIP_ROWS, min(block.end - at.row, params.h - at.top));
}

fn next_strip(block: Block, at: Strip) -> Strip {
    let column = at.column + 4u * STRIP_RUNS;
    if column < params.w {
        return Strip(at.row, at.top, column);
    }
    let rows = height(block, at);
    return Strip(at.row + rows, select(at.top + rows, 0u, at.top + rows == params.h), 0u);
}

// The pixels that a thread transforms: six of x, or four of dy; zero after the last strip.
fn fetch(block: Block, at: Strip, local: u32) -> Six {
    if at.row >= block.end {
        return Six();
    }
    let quad = local % 8u;
    if local < X_TASKS {
        let row = local / 8u / STRIP_RUNS - 1u;
        let column = at.column + local / 8u % STRIP_RUNS * 4u - 1u;
        let exists = at.top + row < params.h && block.ci + quad < params.ci / 4u;
        return six_x(line(exists, at.row + row, column, params.ci / 4u, block.ci + quad));
    }
    let t = local / 8u - GRADS;
    let row = t / STRIP_RUNS;
    let column = at.column + t % STRIP_RUNS * 4u;
    let exists = row < height(block, at) && block.co + quad < params.co / 4u;
    let grads = line(exists, at.row + row, column, params.co / 4u, block.co + quad);
    return Six(dy_at(grads, 0u), dy_at(grads, 1u), dy_at(grads, 2u), dy_at(grads, 3u), vec4f(), vec4f());
}

// Writes half of the sums of one tap row, two input channels of every thread: a slice is now
// an input channel, [place][quad of output channels], rotated as in `stage`.
fn put_taps(block: Block, tap: u32, half: u32, local: u32, a: vec4f, b: vec4f, next_a: vec4f, next_b: vec4f) {
    let place = local / 32u;
    let ci = local % 8u;
    let co = local / 8u % 4u * 2u;
    workgroupBarrier();
    slices[2u * ci][place][(co + ci) % 8u] = a;
    slices[2u * ci][place][(co + ci + 1u) % 8u] = b;
    slices[2u * ci + 1u][place][(co + ci) % 8u] = next_a;
    slices[2u * ci + 1u][place][(co + ci + 1u) % 8u] = next_b;
    workgroupBarrier();
    let slice = local / 8u;
    let quad = local % 8u;
    let exists = block.ci + slice / 2u < params.ci / 4u && block.co + quad < params.co / 4u;
    if local < OUTPUT_TASKS && exists {
        let taps = transform_back(six(slice, (quad + slice / 2u) % 8u));
        let channel = 4u * (block.ci + slice / 2u) + 2u * half + slice % 2u;
        let to = block.part + (tap * params.ci + channel) * (params.co / 4u) + block.co + quad;
        let next = params.ci * params.co / 4u;
        part[to] = taps.a;
        part[to + next] = taps.b;
        part[to + 2u * next] = taps.c;
    }
}

// part[p] = Σ over the p-th `rows` image rows of x[shifted] dyᵀ, per tap, and of dy
@compute @workgroup_size(THREADS)
fn conv2d_grad_weight_winograd(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let blocks = (params.co + 31u) / 32u;
    let length = (9u * params.ci + 1u) * params.co / 4u;
    let end = min((group.x + 1u) * params.rows, params.n * params.h);
    let block = Block(group.x * length, group.y / blocks * 8u, group.y % blocks * 8u, end);
    let place = local / 32u;
    let ci = local % 8u;
    let co = local / 8u % 4u * 2u;
    var top: Outer;
    var middle: Outer;
    var bottom: Outer;
    var bias = vec4f();
    let start = group.x * params.rows;
    var at = Strip(start, start % params.h, 0u);
    var fetched = fetch(block, at, local);
    while at.row < end {
        workgroupBarrier();
        if local < X_TASKS {
            put_six(local / 8u, local % 8u, transform_input(fetched));
        } else if local < X_TASKS + DY_TASKS {
            bias += fetched.a + fetched.b + fetched.c + fetched.d;
            let run = Run(fetched.a, fetched.b, fetched.c, fetched.d);
            put_six(local / 8u, local % 8u, transform_gradient(run));
        }
        workgroupBarrier();
        // The next strip travels while this one is summed.
        at = next_strip(block, at);
        fetched = fetch(block, at, local);
        for (var run = 0u; run < STRIP_RUNS; run++) {
            let second = slices[run + STRIP_RUNS][place][ci];
            let third = slices[run + 2u * STRIP_RUNS][place][ci];
            let a = slices[GRADS + run][place][co];
            let b = slices[GRADS + run][place][co + 1u];
            add_outer(&top, slices[run][place][ci], a, b);
            add_outer(&middle, second, a, b);
            add_outer(&bottom, third, a, b);
            let below_a = slices[GRADS + STRIP_RUNS + run][place][co];
            let below_b = slices[GRADS + STRIP_RUNS + run][place][co + 1u];
            add_outer(&top, second, below_a, below_b);
            add_outer(&middle, third, below_a, below_b);
            add_outer(&bottom, slices[run + 3u * STRIP_RUNS][place][ci], below_a, below_b);
        }
    }
    put_taps(block, 0u, 0u, local, top.a[0], top.b[0], top.a[1], top.b[1]);
    put_taps(block, 0u, 1u, local, top.a[2], top.b[2], top.a[3], top.b[3]);
    put_taps(block, 3u, 0u, local, middle.a[0], middle.b[0], middle.a[1], middle.b[1]);
    put_taps(block, 3u, 1u, local, middle.a[2], middle.b[2], middle.a[3], middle.b[3]);
    put_taps(block, 6u, 0u, local, bottom.a[0], bottom.b[0], bottom.a[1], bottom.b[1]);
    put_taps(block, 6u, 1u, local, bottom.a[2], bottom.b[2], bottom.a[3], bottom.b[3]);
    // Threads that read dy kept its sums, each of one quad of channels.
    workgroupBarrier();
    if local >= X_TASKS && local < X_TASKS + DY_TASKS {
        slices[(local - X_TASKS) / 8u][0][local % 8u] = bias;
    }
    workgroupBarrier();
    if local < 8u && block.ci == 0u && block.co + local < params.co / 4u {
        var sum = vec4f();
        for (var k = 0u; k < STRIP_ROWS * STRIP_RUNS; k++) {
            sum += slices[k][0][local];
        }
        part[block.part + length - params.co / 4u + block.co + local] = sum;
    }
}

